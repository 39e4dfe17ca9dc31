select device_key, kind, count(*)
  from meter_event
 where device_key = any(%(devices)s) and started_at >= %(frm)s and started_at < %(till)s
 group by device_key, kind
