create temporary table transformer_day_staging (
    device_key integer, starts_at timestamptz, ends_at timestamptz, peak_at timestamptz, rated_kva double precision,
    observed_min double precision, mean_kva double precision, peak_kva double precision, heavy_min double precision,
    overload_min double precision, overload_longest_min double precision, reverse_min double precision, reverse_kw
    double precision, temperature_min double precision, temperature_high double precision, temperature_rise double
    precision, hot_min double precision
) on commit drop
