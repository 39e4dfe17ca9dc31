-- Supply quality of local days, by metering point and by transformer; and events of meters, whoever found them.

create table meter_event (
    device_key integer not null references device (device_key),
    kind       text not null check (kind in
                 ('voltage_loss', 'under_voltage', 'over_voltage', 'phase_break', 'current_loss', 'reverse_power', 'overload',
                  'voltage_unbalance', 'current_unbalance', 'low_power_factor', 'neutral_current',
                  'current_without_voltage', 'cover_open', 'terminal_cover_open', 'magnetic_field', 'clock_fault')),
    phase      text not null default '' check (phase in ('', 'A', 'B', 'C')),
    started_at timestamptz not null,
    ended_at   timestamptz check (ended_at >= started_at),
    severe     boolean not null default false,
    extreme    double precision,
    bound      double precision,
    source     text not null,
    primary key (device_key, kind, phase, started_at)
);
create index meter_event_time on meter_event (started_at desc);
create index meter_event_going on meter_event (device_key) where ended_at is null;
comment on table meter_event is 'Conditions of meters or of one of their phases. An event that has ended does not begin again.';
comment on column meter_event.phase is 'A, B or C; empty for the whole meter.';
comment on column meter_event.extreme is 'The value furthest beyond the limit: V, A, W, %, or a power factor, as the kind has it.';
comment on column meter_event.bound is 'The limit, in the same unit.';
comment on column meter_event.source is 'readings: found by the gateway; device: told by the meter.';

create table quality_day (
    device_key            integer not null references device (device_key),
    starts_at             timestamptz not null,
    ends_at               timestamptz not null check (ends_at > starts_at),
    observed_min          real,
    low_min               real,
    high_min              real,
    out_min               real,
    lost_min              real,
    means                 integer,
    means_in              integer,
    means_wide            integer,
    mean_low              real,
    mean_high             real,
    frequency_min         real,
    frequency_02_min      real,
    frequency_05_min      real,
    frequency_1pc_min     real,
    frequency_low         real,
    frequency_high        real,
    unbalance_min         real,
    unbalance_13_min      real,
    unbalance_2_min       real,
    unbalance_26_min      real,
    unbalance_4_min       real,
    unbalance_high        real,
    power_factor_min      real,
    power_factor_low_min  real,
    power_factor          real,
    power_factor_limit    real,
    sags                  integer,
    sag_s                 real,
    sag_low               real,
    swells                integer,
    swell_s               real,
    swell_high            real,
    primary key (starts_at, device_key)
);
create index quality_day_device on quality_day (device_key, starts_at);
comment on table quality_day is 'Supply quality of a metering point on a local day; minutes are time that readings stand for.';
comment on column quality_day.observed_min is 'Minutes with voltage, lost phases left out.';
comment on column quality_day.out_min is 'Of these, minutes with any phase outside GB/T 12325.';
comment on column quality_day.means is '10-min means; means_in within 10 %, means_wide within +10/-15 % of nominal (EN 50160).';
comment on column quality_day.mean_low is 'The lowest 10-min mean, as a share of nominal.';
comment on column quality_day.power_factor is 'Of the energies of the day; power_factor_limit is that of the customer class.';
comment on column quality_day.sags is 'Runs of readings below 90 % of nominal: a lower bound.';

create table transformer_day (
    device_key            integer not null references device (device_key),
    starts_at             timestamptz not null,
    ends_at               timestamptz not null check (ends_at > starts_at),
    peak_at               timestamptz,
    rated_kva             real,
    observed_min          real,
    mean_kva              real,
    peak_kva              real,
    heavy_min             real,
    overload_min          real,
    overload_longest_min  real,
    reverse_min           real,
    reverse_kw            real,
    temperature_min       real,
    temperature_high      real,
    temperature_rise      real,
    hot_min               real,
    primary key (starts_at, device_key)
);
create index transformer_day_device on transformer_day (device_key, starts_at);
comment on table transformer_day is 'Load and heat on a local day as a terminal measured them at its place.';
comment on column transformer_day.heavy_min is 'Minutes above the share of the rating that counts as heavy load, overload included.';
comment on column transformer_day.temperature_rise is 'K above the lowest of the day.';

-- Voltage compliance (the share of observed time within GB/T 12325) of the days that begin in [frm, till), by group:
-- 'all', 'feeder', 'transformer', 'node', 'district', 'customer_class' or 'device'. Metering points that serve somebody.
create function voltage_compliance(frm timestamptz, till timestamptz, place text default 'all')
returns table (key text, points bigint, days bigint, observed_minutes double precision, out_minutes double precision,
               low_minutes double precision, high_minutes double precision, lost_minutes double precision,
               percent double precision)
language plpgsql stable set search_path = feederline, pg_temp as $$
begin
    if place = 'device' then
        return query
        select d.device_id, 1::bigint, count(*), sum(q.observed_min)::double precision, sum(q.out_min)::double precision,
               sum(q.low_min)::double precision, sum(q.high_min)::double precision, sum(q.lost_min)::double precision,
               100 * (1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0))
          from quality_day q join device d using (device_key)
         where q.starts_at >= frm and q.starts_at < till and d.customers > 0
         group by d.device_id;
    else
        return query
        select u.home, count(distinct q.device_key), count(*), sum(q.observed_min)::double precision,
               sum(q.out_min)::double precision, sum(q.low_min)::double precision, sum(q.high_min)::double precision,
               sum(q.lost_min)::double precision,
               100 * (1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0))
          from quality_day q join account_user(place) u on u.user_key = q.device_key
         where q.starts_at >= frm and q.starts_at < till and u.customers > 0
         group by u.home;
    end if;
end $$;

-- EN 50160 over a window, which the standard means to be a week: 95 % of the 10-min means within 10 % of nominal, all of
-- them within +10/-15 %. Frequency: within 1 % for 99.5 % of the time, which the standard means to be a year.
create function en_50160(frm timestamptz, till timestamptz)
returns table (device_id text, node_id text, means bigint, within bigint, percent double precision, met boolean,
               lowest double precision, highest double precision, frequency_percent double precision)
language sql stable set search_path = feederline, pg_temp as $$
    select d.device_id, n.node_id, sum(q.means), sum(q.means_in), 100.0 * sum(q.means_in) / nullif(sum(q.means), 0),
           sum(q.means_in) >= 0.95 * sum(q.means) and sum(q.means_wide) = sum(q.means) and sum(q.means) > 0,
           min(q.mean_low)::double precision, max(q.mean_high)::double precision,
           100 * (1 - sum(q.frequency_1pc_min)::double precision / nullif(sum(q.frequency_min), 0))
      from quality_day q join device d using (device_key) left join node n using (node_key)
     where q.starts_at >= frm and q.starts_at < till
     group by d.device_id, n.node_id
$$;

-- What goes on at meters now, by the names of things.
create view meter_event_open as
select d.device_id, n.node_id, e.kind, e.phase, e.started_at, e.severe, e.extreme, e.bound, e.source
  from meter_event e join device d using (device_key) left join node n using (node_key)
 where e.ended_at is null;

-- How transformers were loaded, by the names of things; percent is of the rating.
create view transformer_load as
select n.node_id, n.name, d.device_id, t.starts_at, t.ends_at, t.rated_kva, t.mean_kva, t.peak_kva, t.peak_at,
       100 * t.peak_kva / nullif(t.rated_kva, 0) as peak_percent, t.observed_min, t.heavy_min, t.overload_min,
       t.overload_longest_min, t.reverse_min, t.reverse_kw, t.temperature_high, t.temperature_rise, t.hot_min
  from transformer_day t join device d using (device_key) left join node n using (node_key);
