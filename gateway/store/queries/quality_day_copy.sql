copy quality_day_staging (
    device_key, starts_at, ends_at, observed_min, low_min, high_min, out_min, lost_min, means, means_in, means_wide,
    mean_low, mean_high, frequency_min, frequency_02_min, frequency_05_min, frequency_1pc_min, frequency_low,
    frequency_high, unbalance_min, unbalance_13_min, unbalance_2_min, unbalance_26_min, unbalance_4_min,
    unbalance_high, power_factor_min, power_factor_low_min, power_factor, power_factor_limit, sags, sag_s, sag_low,
    swells, swell_s, swell_high
) from stdin (format binary)
