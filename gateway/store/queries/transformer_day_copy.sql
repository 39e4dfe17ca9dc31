copy transformer_day_staging (
    device_key, starts_at, ends_at, peak_at, rated_kva, observed_min, mean_kva, peak_kva, heavy_min, overload_min,
    overload_longest_min, reverse_min, reverse_kw, temperature_min, temperature_high, temperature_rise, hot_min
) from stdin (format binary)
