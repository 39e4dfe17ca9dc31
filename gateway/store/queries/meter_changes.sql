select device_key, at, of, before, after, made_by, reason
  from meter_change_standing
 where device_key = any(%(devices)s::integer[]) and at >= %(frm)s
 order by device_key, at, change_id
