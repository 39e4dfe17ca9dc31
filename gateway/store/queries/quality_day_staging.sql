create temporary table quality_day_staging (
    device_key integer, starts_at timestamptz, ends_at timestamptz, observed_min double precision, low_min double
    precision, high_min double precision, out_min double precision, lost_min double precision, means double precision,
    means_in double precision, means_wide double precision, mean_low double precision, mean_high double precision,
    frequency_min double precision, frequency_02_min double precision, frequency_05_min double precision,
    frequency_1pc_min double precision, frequency_low double precision, frequency_high double precision, unbalance_min
    double precision, unbalance_13_min double precision, unbalance_2_min double precision, unbalance_26_min double
    precision, unbalance_4_min double precision, unbalance_high double precision, power_factor_min double precision,
    power_factor_low_min double precision, power_factor double precision, power_factor_limit double precision, sags
    double precision, sag_s double precision, sag_low double precision, swells double precision, swell_s double
    precision, swell_high double precision
) on commit drop
