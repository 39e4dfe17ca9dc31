select i.starts_at, i.ends_at, v.value as was_value, v.status as was_status, i.value, i.status
  from interval i
  join interval_version v on v.device_key = i.device_key and v.quantity = i.quantity and v.starts_at = i.starts_at
                         and v.version = i.version - 1
 where i.device_key = %(device)s and i.quantity = %(quantity)s::smallint
   and i.starts_at >= %(start)s and i.starts_at < %(end)s and i.edit_id = %(number)s
 order by i.starts_at
