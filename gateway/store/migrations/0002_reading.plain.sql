-- Readings on plain PostgreSQL: native daily partitions (UTC), and plain views under the names of the
-- continuous aggregates. Columns are the same as in the TimescaleDB variant.

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
) partition by range (measured_at);
create index reading_time on reading using brin (measured_at);
comment on table reading is 'One row per device and time, one column per quantity in its canonical unit; null where not measured.';
comment on column reading.quality is 'Bit flags of gateway.core.model.Quality; 0 is good.';

-- Takes what no daily partition covers, so that a reading with an odd date is never refused.
create table reading_default partition of reading default;

-- Create the daily partitions from frm to till (both included) that are missing, moving rows that lie in the
-- default partition; returns how many were created.
create function ensure_partitions(frm date, till date) returns integer
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    day     date;
    name    text;
    low     timestamptz;
    high    timestamptz;
    created integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('feederline.partitions'));
    for day in select d::date from generate_series(frm::timestamp, till::timestamp, interval '1 day') d loop
        name := 'reading_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(format('feederline.%I', name)) is not null;
        low := day::timestamp at time zone 'UTC';
        high := (day + 1)::timestamp at time zone 'UTC';
        execute format('create table %I (like reading including defaults including comments)', name);
        execute format(
            'with moved as (delete from reading_default where measured_at >= %L and measured_at < %L returning *)'
            ' insert into %I select * from moved', low, high, name);
        execute format('alter table reading attach partition %I for values from (%L) to (%L)', name, low, high);
        created := created + 1;
    end loop;
    return created;
end $$;

-- Give the days that lie in the default partition, between frm and till, partitions of their own.
create function sort_default_partition(frm date, till date) returns integer
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    day     date;
    created integer := 0;
begin
    for day in
        select distinct (measured_at at time zone 'UTC')::date as d from reading_default
         where measured_at >= frm::timestamp at time zone 'UTC'
           and measured_at < (till + 1)::timestamp at time zone 'UTC'
         order by d
    loop
        created := created + ensure_partitions(day, day);
    end loop;
    return created;
end $$;

-- Drop the daily partitions that end before the day `before`, and the older rows of the default partition;
-- returns how many partitions were dropped.
create function drop_partitions(before date) returns integer
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    name    text;
    dropped integer := 0;
begin
    for name in
        select c.relname
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'reading'::regclass
           and c.relname ~ '^reading_\d{8}$'
           and c.relname < 'reading_' || to_char(before, 'YYYYMMDD')
    loop
        execute format('drop table %I', name);
        dropped := dropped + 1;
    end loop;
    delete from reading_default where measured_at < before::timestamp at time zone 'UTC';
    return dropped;
end $$;

revoke execute on function ensure_partitions, sort_default_partition, drop_partitions from public;

create view reading_15min as
select device_key,
       date_bin(interval '15 minutes', measured_at, timestamptz '2000-01-01 00:00:00+00') as bucket,
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
 group by 1, 2;

create view reading_hourly as
select device_key,
       date_bin(interval '1 hour', measured_at, timestamptz '2000-01-01 00:00:00+00') as bucket,
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
 group by 1, 2;

create view reading_daily as
select device_key,
       date_bin(interval '1 day', measured_at, timestamptz '2000-01-01 00:00:00+00') as bucket,
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
 group by 1, 2;
