-- transformer_day: of the local days from low to high.
insert into feederline.transformer_day
select %(meters)s::integer + n, t, t + interval '1 day', t + interval '19 hours', 315, 1440, 150, 200 + 150 * random(), 60, 10, 5,
       0, 0, 1440, 55 + 20 * random(), 15, 0
  from generate_series(1, %(transformers)s::integer) n,
       generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 hour', interval '1 day') t
