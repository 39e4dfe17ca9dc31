-- Intervals from low to high.
insert into feederline.interval (device_key, quantity, status, starts_at, ends_at, made_at, rules, raw, value)
select d, 27, case when random() < 0.01 then 1 else 3 end, t, t + %(step)s::interval, t + interval '1 day', 0, 0.5, 0.5 * random()
  from generate_series(1, %(meters)s::integer) d,
       generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 microsecond', %(step)s::interval) t
