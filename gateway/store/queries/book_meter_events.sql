-- The same thing is told by the meter and found in its readings: what tells of more of them counts.
select device_key, kind, max(told)
  from (select device_key, kind, source, count(*) as told
          from meter_event
         where device_key = any(%(devices)s) and started_at >= %(frm)s and started_at < %(till)s
         group by device_key, kind, source) s
 group by device_key, kind
