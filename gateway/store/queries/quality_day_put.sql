insert into quality_day (
    device_key, starts_at, ends_at, observed_min, low_min, high_min, out_min, lost_min, means, means_in, means_wide,
    mean_low, mean_high, frequency_min, frequency_02_min, frequency_05_min, frequency_1pc_min, frequency_low,
    frequency_high, unbalance_min, unbalance_13_min, unbalance_2_min, unbalance_26_min, unbalance_4_min,
    unbalance_high, power_factor_min, power_factor_low_min, power_factor, power_factor_limit, sags, sag_s, sag_low,
    swells, swell_s, swell_high
)
select
    device_key, starts_at, ends_at, nullif(observed_min, 'NaN'), nullif(low_min, 'NaN'), nullif(high_min, 'NaN'),
    nullif(out_min, 'NaN'), nullif(lost_min, 'NaN'), nullif(means, 'NaN')::integer, nullif(means_in,
    'NaN')::integer, nullif(means_wide, 'NaN')::integer, nullif(mean_low, 'NaN'), nullif(mean_high, 'NaN'),
    nullif(frequency_min, 'NaN'), nullif(frequency_02_min, 'NaN'), nullif(frequency_05_min, 'NaN'),
    nullif(frequency_1pc_min, 'NaN'), nullif(frequency_low, 'NaN'), nullif(frequency_high, 'NaN'),
    nullif(unbalance_min, 'NaN'), nullif(unbalance_13_min, 'NaN'), nullif(unbalance_2_min, 'NaN'),
    nullif(unbalance_26_min, 'NaN'), nullif(unbalance_4_min, 'NaN'), nullif(unbalance_high, 'NaN'),
    nullif(power_factor_min, 'NaN'), nullif(power_factor_low_min, 'NaN'), nullif(power_factor, 'NaN'),
    nullif(power_factor_limit, 'NaN'), nullif(sags, 'NaN')::integer, nullif(sag_s, 'NaN'), nullif(sag_low, 'NaN'),
    nullif(swells, 'NaN')::integer, nullif(swell_s, 'NaN'), nullif(swell_high, 'NaN')
  from quality_day_staging
on conflict (starts_at, device_key) do update set
    ends_at = excluded.ends_at, observed_min = excluded.observed_min, low_min = excluded.low_min, high_min =
    excluded.high_min, out_min = excluded.out_min, lost_min = excluded.lost_min, means = excluded.means, means_in =
    excluded.means_in, means_wide = excluded.means_wide, mean_low = excluded.mean_low, mean_high =
    excluded.mean_high, frequency_min = excluded.frequency_min, frequency_02_min = excluded.frequency_02_min,
    frequency_05_min = excluded.frequency_05_min, frequency_1pc_min = excluded.frequency_1pc_min, frequency_low =
    excluded.frequency_low, frequency_high = excluded.frequency_high, unbalance_min = excluded.unbalance_min,
    unbalance_13_min = excluded.unbalance_13_min, unbalance_2_min = excluded.unbalance_2_min, unbalance_26_min =
    excluded.unbalance_26_min, unbalance_4_min = excluded.unbalance_4_min, unbalance_high = excluded.unbalance_high,
    power_factor_min = excluded.power_factor_min, power_factor_low_min = excluded.power_factor_low_min, power_factor
    = excluded.power_factor, power_factor_limit = excluded.power_factor_limit, sags = excluded.sags, sag_s =
    excluded.sag_s, sag_low = excluded.sag_low, swells = excluded.swells, swell_s = excluded.swell_s, swell_high =
    excluded.swell_high
