create temporary table interval_staging (
    device_key integer not null, quantity smallint not null, status smallint not null, starts_at timestamptz not null,
    ends_at timestamptz not null, rules bigint not null, raw double precision, value double precision
) on commit drop
