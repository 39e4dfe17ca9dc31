-- area_loss_day: of the local days from low to high.
insert into feederline.area_loss_day (transformer_key, day, starts_at, ends_at, hours, members, supplied, sold, intervals, used,
       without_supply, without_member, moments, technical, excess, level, sigma, ratio, found, made_at)
select 1 + %(feeders)s::integer + n, (t at time zone 'Asia/Shanghai')::date, t, t + interval '1 day', 24, %(per)s, s, s * 0.96, 24, 23, 0, 1,
       array[24, s, s, s, 1, 1, 1, 1], s * 0.03, s * 0.01, s * 0.01, s * 0.002, 0.04,
       case when n %% 20 = 0 then array['high'] else '{}' end, t + interval '30 hours'
  from generate_series(1, %(transformers)s::integer) n,
       generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 hour', interval '1 day') t,
       lateral (select %(per)s * (15 + 10 * random()) as s) l
