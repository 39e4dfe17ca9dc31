-- Readings on TimescaleDB: a hypertable in chunks of one day, columnar after a while, and continuous aggregates
-- that show what is not materialised yet too. How long things are kept comes from the configuration, not from here.

create table reading (
    device_key               integer not null,
    measured_at              timestamptz not null,
    received_at              timestamptz not null,
    quality                  integer not null default 0,
    voltage_a                double precision,
    voltage_b                double precision,
    voltage_c                double precision,
    voltage_ab               double precision,
    voltage_bc               double precision,
    voltage_ca               double precision,
    current_a                double precision,
    current_b                double precision,
    current_c                double precision,
    current_n                double precision,
    active_power             double precision,
    active_power_a           double precision,
    active_power_b           double precision,
    active_power_c           double precision,
    reactive_power           double precision,
    reactive_power_a         double precision,
    reactive_power_b         double precision,
    reactive_power_c         double precision,
    apparent_power           double precision,
    apparent_power_a         double precision,
    apparent_power_b         double precision,
    apparent_power_c         double precision,
    power_factor             double precision,
    power_factor_a           double precision,
    power_factor_b           double precision,
    power_factor_c           double precision,
    frequency                double precision,
    energy_import            double precision,
    energy_export            double precision,
    reactive_energy_import   double precision,
    reactive_energy_export   double precision,
    voltage_unbalance        double precision,
    current_unbalance        double precision,
    temperature              double precision,
    breaker_closed           double precision,
    fault_indicator          double precision,
    door_open                double precision,
    battery_ok               double precision,
    primary key (device_key, measured_at)
);
select create_hypertable('reading', 'measured_at', chunk_time_interval => interval '1 day', create_default_indexes => false);
create index reading_time on reading using brin (measured_at);
comment on table reading is 'One row per device and time, one column per quantity in its canonical unit; null where not measured.';
comment on column reading.quality is 'Bit flags of gateway.core.model.Quality; 0 is good.';

alter table reading set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'device_key',
    timescaledb.compress_orderby = 'measured_at'
);

create materialized view reading_15min
  with (timescaledb.continuous, timescaledb.materialized_only = false) as
select device_key,
       time_bucket(interval '15 minutes', measured_at) as bucket,
       count(*) as samples,
       avg(voltage_a) as voltage_a_avg,
       min(voltage_a) as voltage_a_min,
       max(voltage_a) as voltage_a_max,
       avg(voltage_b) as voltage_b_avg,
       min(voltage_b) as voltage_b_min,
       max(voltage_b) as voltage_b_max,
       avg(voltage_c) as voltage_c_avg,
       min(voltage_c) as voltage_c_min,
       max(voltage_c) as voltage_c_max,
       avg(current_a) as current_a_avg,
       max(current_a) as current_a_max,
       avg(current_b) as current_b_avg,
       max(current_b) as current_b_max,
       avg(current_c) as current_c_avg,
       max(current_c) as current_c_max,
       avg(active_power) as active_power_avg,
       min(active_power) as active_power_min,
       max(active_power) as active_power_max,
       avg(reactive_power) as reactive_power_avg,
       avg(power_factor) as power_factor_avg,
       min(power_factor) as power_factor_min,
       avg(frequency) as frequency_avg,
       min(frequency) as frequency_min,
       max(frequency) as frequency_max,
       max(voltage_unbalance) as voltage_unbalance_max,
       max(temperature) as temperature_max,
       min(energy_import) as energy_import_min,
       max(energy_import) as energy_import_max,
       min(energy_export) as energy_export_min,
       max(energy_export) as energy_export_max,
       min(reactive_energy_import) as reactive_energy_import_min,
       max(reactive_energy_import) as reactive_energy_import_max,
       min(reactive_energy_export) as reactive_energy_export_min,
       max(reactive_energy_export) as reactive_energy_export_max
  from reading
 group by 1, 2
  with no data;

create materialized view reading_hourly
  with (timescaledb.continuous, timescaledb.materialized_only = false) as
select device_key,
       time_bucket(interval '1 hour', measured_at) as bucket,
       count(*) as samples,
       avg(voltage_a) as voltage_a_avg,
       min(voltage_a) as voltage_a_min,
       max(voltage_a) as voltage_a_max,
       avg(voltage_b) as voltage_b_avg,
       min(voltage_b) as voltage_b_min,
       max(voltage_b) as voltage_b_max,
       avg(voltage_c) as voltage_c_avg,
       min(voltage_c) as voltage_c_min,
       max(voltage_c) as voltage_c_max,
       avg(current_a) as current_a_avg,
       max(current_a) as current_a_max,
       avg(current_b) as current_b_avg,
       max(current_b) as current_b_max,
       avg(current_c) as current_c_avg,
       max(current_c) as current_c_max,
       avg(active_power) as active_power_avg,
       min(active_power) as active_power_min,
       max(active_power) as active_power_max,
       avg(reactive_power) as reactive_power_avg,
       avg(power_factor) as power_factor_avg,
       min(power_factor) as power_factor_min,
       avg(frequency) as frequency_avg,
       min(frequency) as frequency_min,
       max(frequency) as frequency_max,
       max(voltage_unbalance) as voltage_unbalance_max,
       max(temperature) as temperature_max,
       min(energy_import) as energy_import_min,
       max(energy_import) as energy_import_max,
       min(energy_export) as energy_export_min,
       max(energy_export) as energy_export_max,
       min(reactive_energy_import) as reactive_energy_import_min,
       max(reactive_energy_import) as reactive_energy_import_max,
       min(reactive_energy_export) as reactive_energy_export_min,
       max(reactive_energy_export) as reactive_energy_export_max
  from reading
 group by 1, 2
  with no data;

create materialized view reading_daily
  with (timescaledb.continuous, timescaledb.materialized_only = false) as
select device_key,
       time_bucket(interval '1 day', measured_at) as bucket,
       count(*) as samples,
       avg(voltage_a) as voltage_a_avg,
       min(voltage_a) as voltage_a_min,
       max(voltage_a) as voltage_a_max,
       avg(voltage_b) as voltage_b_avg,
       min(voltage_b) as voltage_b_min,
       max(voltage_b) as voltage_b_max,
       avg(voltage_c) as voltage_c_avg,
       min(voltage_c) as voltage_c_min,
       max(voltage_c) as voltage_c_max,
       avg(current_a) as current_a_avg,
       max(current_a) as current_a_max,
       avg(current_b) as current_b_avg,
       max(current_b) as current_b_max,
       avg(current_c) as current_c_avg,
       max(current_c) as current_c_max,
       avg(active_power) as active_power_avg,
       min(active_power) as active_power_min,
       max(active_power) as active_power_max,
       avg(reactive_power) as reactive_power_avg,
       avg(power_factor) as power_factor_avg,
       min(power_factor) as power_factor_min,
       avg(frequency) as frequency_avg,
       min(frequency) as frequency_min,
       max(frequency) as frequency_max,
       max(voltage_unbalance) as voltage_unbalance_max,
       max(temperature) as temperature_max,
       min(energy_import) as energy_import_min,
       max(energy_import) as energy_import_max,
       min(energy_export) as energy_export_min,
       max(energy_export) as energy_export_max,
       min(reactive_energy_import) as reactive_energy_import_min,
       max(reactive_energy_import) as reactive_energy_import_max,
       min(reactive_energy_export) as reactive_energy_export_min,
       max(reactive_energy_export) as reactive_energy_export_max
  from reading
 group by 1, 2
  with no data;

-- Each looks back far enough to take in meters that report a day late.
select add_continuous_aggregate_policy('reading_15min',
    start_offset => interval '3 days', end_offset => interval '15 minutes', schedule_interval => interval '15 minutes');
select add_continuous_aggregate_policy('reading_hourly',
    start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_continuous_aggregate_policy('reading_daily',
    start_offset => interval '31 days', end_offset => interval '1 day', schedule_interval => interval '12 hours');
