select edit_id, starts_at, ends_at, value, made_at, made_by, reason
  from interval_edit
 where device_key = %(device)s and quantity = %(quantity)s::smallint and starts_at < %(till)s and ends_at > %(frm)s
 order by edit_id
