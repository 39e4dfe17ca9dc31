insert into late_mark (device_key, first_at, last_at)
select * from unnest(%(device_key)s::integer[], %(first_at)s::timestamptz[], %(last_at)s::timestamptz[])
