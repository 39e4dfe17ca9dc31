select i.starts_at, i.ends_at, i.raw, i.value, i.status, i.rules, i.version, i.made_at,
       i.ends_at <= intervals_final_before() as final, coalesce(e.made_by, '') as made_by, coalesce(e.reason, '') as reason
  from interval i
  left join interval_edit e on e.edit_id = i.edit_id and i.status = 4
 where i.device_key = %(device)s and i.quantity = %(quantity)s::smallint and i.starts_at >= %(frm)s and i.starts_at < %(till)s
   and (%(after)s::timestamptz is null or i.starts_at > %(after)s)
 order by i.starts_at
 limit %(limit)s
