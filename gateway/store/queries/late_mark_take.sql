select array_agg(mark_id), array_agg(device_key), array_agg(first_at), array_agg(last_at)
  from (select mark_id, device_key, first_at, last_at from late_mark order by mark_id limit %(limit)s) m
