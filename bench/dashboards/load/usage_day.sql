-- usage_day: of the local days from low to high.
insert into feederline.usage_day (day, device_key, score, log_odds, kinds, opens, kwh, expected_kwh, since, reasons, made_at)
select (t at time zone 'Asia/Shanghai')::date, d, 0.05 + 0.9 * random(), 1, 1, false, 8, 15, t - interval '20 days',
       '[{"rule": "drop", "weight": 2.0, "words": "It fell.", "figures": {}}]', t + interval '30 hours'
  from generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 hour', interval '1 day') t,
       generate_series(1, %(meters)s::integer) d
 where random() < 0.01
