-- quality_day: of the local days from low to high.
insert into feederline.quality_day (device_key, starts_at, ends_at, observed_min, low_min, high_min, out_min, lost_min, means,
       means_in, means_wide, mean_low, mean_high, frequency_min, frequency_02_min, frequency_05_min, frequency_1pc_min,
       frequency_low, frequency_high, unbalance_min, unbalance_13_min, unbalance_2_min, unbalance_26_min, unbalance_4_min,
       unbalance_high, power_factor_min, power_factor_low_min, power_factor, power_factor_limit, sags, sag_s, sag_low, swells,
       swell_s, swell_high)
select d, t, t + interval '1 day', 1440, beyond, beyond / 2, beyond * 1.5, 0, 144, 144 - beyond / 10, 144, 0.95, 1.04, 1440, 0, 0,
       0, 49.97, 50.03, 1440, 0, beyond / 4, 0, 0, 1.8, 1440, beyond / 3, case when d %% 40 = 0 then 0.85 else 0.95 + 0.04 * random() end, 0.9,
       case when random() < 0.01 then 1 else 0 end, 0.2, 0.8, 0, 0, 1.04
  from generate_series(1, %(meters)s::integer) d, generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 hour', interval '1 day') t,
       lateral (select case when d %% 50 = 0 or random() < 0.05 then (random() * 200)::integer else 0 end as beyond) b
