delete from late_mark where mark_id = any(%(numbers)s::bigint[])
