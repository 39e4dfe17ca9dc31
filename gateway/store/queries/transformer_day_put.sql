insert into transformer_day (
    device_key, starts_at, ends_at, peak_at, rated_kva, observed_min, mean_kva, peak_kva, heavy_min, overload_min,
    overload_longest_min, reverse_min, reverse_kw, temperature_min, temperature_high, temperature_rise, hot_min
)
select
    device_key, starts_at, ends_at, peak_at, nullif(rated_kva, 'NaN'), nullif(observed_min, 'NaN'), nullif(mean_kva,
    'NaN'), nullif(peak_kva, 'NaN'), nullif(heavy_min, 'NaN'), nullif(overload_min, 'NaN'),
    nullif(overload_longest_min, 'NaN'), nullif(reverse_min, 'NaN'), nullif(reverse_kw, 'NaN'),
    nullif(temperature_min, 'NaN'), nullif(temperature_high, 'NaN'), nullif(temperature_rise, 'NaN'),
    nullif(hot_min, 'NaN')
  from transformer_day_staging
on conflict (starts_at, device_key) do update set
    ends_at = excluded.ends_at, peak_at = excluded.peak_at, rated_kva = excluded.rated_kva, observed_min =
    excluded.observed_min, mean_kva = excluded.mean_kva, peak_kva = excluded.peak_kva, heavy_min =
    excluded.heavy_min, overload_min = excluded.overload_min, overload_longest_min = excluded.overload_longest_min,
    reverse_min = excluded.reverse_min, reverse_kw = excluded.reverse_kw, temperature_min =
    excluded.temperature_min, temperature_high = excluded.temperature_high, temperature_rise =
    excluded.temperature_rise, hot_min = excluded.hot_min
