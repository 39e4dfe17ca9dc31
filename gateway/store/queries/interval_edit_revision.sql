-- The sum of the versions that a stretch had before this edit: it grows with every change of any of its intervals.
select coalesce(sum(case when i.edit_id = %(number)s then i.version - 1 else i.version end), 0)::bigint
  from interval i
 where i.device_key = %(device)s and i.quantity = %(quantity)s::smallint
   and i.starts_at >= %(start)s and i.starts_at < %(end)s
