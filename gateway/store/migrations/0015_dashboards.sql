-- What dashboards stand on: the gateway's condition by the minute, devices by state, supply over time.

create table gateway_minute (
    at              timestamptz primary key,
    stream_at       timestamptz,
    lag_entries     bigint not null,
    spool_bytes     bigint not null,
    readings        bigint not null,
    rows_written    bigint not null,
    signals         bigint not null,
    drivers_running integer not null,
    drivers_waiting integer not null,
    ready           boolean not null,
    alarms          integer not null
);
comment on table gateway_minute is 'The condition of the gateway that writes to this database, once a minute; a minute without a row is one in which none did.';
comment on column gateway_minute.stream_at is 'Time in the stream up to which everything is stored; null before anything is.';
comment on column gateway_minute.readings is 'Rows of readings taken from the spool within the minute before; rows_written those of them that were new.';
comment on column gateway_minute.alarms is 'Targets that do not get their messages.';

-- Every listed device with its state: off or unknown where its supply is; else silent where nothing was measured for three
-- of its intervals, at least 15 minutes and at most two days; else on. A concentrator is heard through what hangs on it.
create view device_state_now as
with heard as materialized (
    select d.device_key, d.via_key,
           exists (select from reading r
                    where r.device_key = d.device_key and r.measured_at > now() - interval '2 days'
                      and r.measured_at > now() - make_interval(secs => greatest(3 * d.interval_s, 900))) as heard
      from device d where d.listed
), through as (
    select h.via_key as device_key from heard h where h.heard and h.via_key is not null group by h.via_key
)
select d.device_key, d.device_id, d.kind, d.node_key, d.transformer_key, d.feeder_key, d.via_key, d.customers,
       coalesce(w.state, case when h.heard or t.device_key is not null then 'on' else 'silent' end) as state,
       w.since, w.incident_id
  from heard h
  join device d using (device_key)
  left join without_supply_now w using (device_key)
  left join through t using (device_key);
comment on view device_state_now is 'Every listed device: on, off, unknown, or silent where nothing says that its supply is gone.';

-- Customers without supply, and those of whom nobody knows, in steps from `frm` to `till`; nothing before observation began
-- nor after `at`. off and unknown: as the step ends; …_most: most at once within it; …_minutes: customer minutes within it.
-- As in supply_now off wins over unknown, and as in the account everybody is unknown while the gateway was away.
create function supply_over_time(frm timestamptz, till timestamptz, step interval, at timestamptz default now())
returns table (starts_at timestamptz, ends_at timestamptz, off bigint, unknown bigint, off_most bigint, unknown_most bigint,
               off_minutes double precision, unknown_minutes double precision)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with bound as materialized (
        select greatest(frm, observed_since()) as low, least(till, at) as high, greatest(step, interval '1 second') as width
    ), dark as (
        select s.customers::bigint as customers, greatest(s.started_at, b.low) as low, coalesce(least(s.ended_at, b.high), b.high) as high
          from bound b, supply_spell(b.low, b.high, '{all}', true) s
    ), told as materialized (
        select u.* from bound b, unknown_time(b.low, b.high) u where b.low < b.high
    ), hidden as (
        select coalesce(t.customers, served_customers() - coalesce((select sum(d.customers) from told o join device d on d.device_key = o.user_key
                                                                     where d.listed), 0))::bigint as customers,
               lower(part) as low, upper(part) as high
          from told t, unnest(t.during) part
    ), edge as (
        select low as at, customers as off, 0::bigint as unknown from dark
        union all select high, -customers, 0 from dark
        union all select low, 0, customers from hidden
        union all select high, 0, -customers from hidden
        union all select greatest(s, b.low), 0, 0
                    from bound b, generate_series(date_bin(b.width, b.low, timestamptz '2000-01-01 00:00:00+00'), b.high, b.width) s
    ), moment as (
        select e.at, sum(e.off) as off, sum(e.unknown) as unknown from edge e, bound b where e.at between b.low and b.high group by e.at
    ), piece as (
        select m.at, lead(m.at, 1, b.high) over (order by m.at) as till, b.low, b.high, b.width,
               sum(m.off) over (order by m.at) as off, sum(m.unknown) over (order by m.at) as unknown
          from moment m, bound b
    ), binned as (
        select date_bin(p.width, p.at, timestamptz '2000-01-01 00:00:00+00') as start, p.*,
               extract(epoch from p.till - p.at)::double precision / 60 as minutes
          from piece p where p.at < p.high
    )
    select greatest(n.start, n.low), least(n.start + n.width, n.high),
           (array_agg(n.off order by n.at desc))[1]::bigint, (array_agg(n.unknown order by n.at desc))[1]::bigint,
           max(n.off)::bigint, max(n.unknown)::bigint, sum(n.off * n.minutes), sum(n.unknown * n.minutes)
      from binned n
     group by n.start, n.low, n.high, n.width
     order by 1
$$;

-- How supply came back: of the customers who lost it from `frm` on, how many had lost it and how many had it again at the
-- end of each step. `incident`: only its own interruptions, as they are accounted for.
create function restoration_curve(
    frm timestamptz, till timestamptz, step interval, incident text default null, at timestamptz default now())
returns table (ends_at timestamptz, interrupted bigint, restored bigint, off bigint)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with bound as materialized (
        select frm as low, least(till, at) as high, greatest(step, interval '1 second') as width
    ), lost as (
        select s.started_at, s.ended_at, s.customers from bound b, supply_spell(b.low, b.high) s where incident is null
        union all
        select c.started_at, c.ended_at, c.customers
          from bound b, counted_interruption c
         where c.incident_id = incident and c.state = 'off' and c.started_at >= b.low and c.started_at < b.high
           and c.ended_at is distinct from c.started_at
    ), edge as (
        select l.started_at as at, l.customers::bigint as interrupted, 0::bigint as restored from lost l
        union all select l.ended_at, 0, l.customers from lost l, bound b where l.ended_at <= b.high
        union all select least(s + b.width, b.high), 0, 0
                    from bound b, generate_series(b.low, b.high - interval '1 microsecond', b.width) s
    ), moment as (
        select e.at, sum(e.interrupted) as interrupted, sum(e.restored) as restored,
               bool_or(e.interrupted = 0 and e.restored = 0) as shown
          from edge e group by e.at
    ), risen as (
        select m.at, m.shown, sum(m.interrupted) over w as interrupted, sum(m.restored) over w as restored
          from moment m window w as (order by m.at)
    )
    select r.at, r.interrupted::bigint, r.restored::bigint, (r.interrupted - r.restored)::bigint
      from risen r where r.shown order by r.at
$$;

-- Customer minutes of sustained interruptions by the local day on which they began and by feeder, as in reliability_by; only
-- days and feeders that had any.
create function feeder_minutes(frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (day timestamptz, feeder_id text, name text, customer_interruptions bigint, customer_minutes double precision,
               open_customers bigint, open_customer_minutes double precision)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with counted as (
        select date_trunc('day', j.started_at, coalesce(setting_text('time_zone'), 'UTC')) as day, d.feeder_key,
               sum(j.customers) as interruptions, sum(j.customers * j.micros) filter (where not j.going_on) as micros,
               sum(j.customers) filter (where j.going_on) as open_customers,
               sum(j.customers * j.micros) filter (where j.going_on) as open_micros
          from judged_spell(frm, till, at, array[of]) j join device d on d.device_key = j.user_key
         where j.sustained
         group by 1, 2
    )
    select c.day, coalesce(n.node_id, ''), coalesce(nullif(n.name, ''), n.node_id, ''), c.interruptions::bigint,
           coalesce(c.micros, 0)::double precision / 60e6, coalesce(c.open_customers, 0)::bigint,
           coalesce(c.open_micros, 0)::double precision / 60e6
      from counted c left join node n on n.node_key = c.feeder_key
     order by c.day, n.node_id
$$;

-- Rollups of years are the largest tables there are; what no late reading changes any more becomes columnar, by device.
do $$ begin
    if (select relkind <> 'p' from pg_class where oid = 'reading'::regclass) then
        execute $timescale$
            alter materialized view reading_15min set (timescaledb.compress, timescaledb.compress_segmentby = 'device_key');
            alter materialized view reading_hourly set (timescaledb.compress, timescaledb.compress_segmentby = 'device_key');
            alter materialized view reading_daily set (timescaledb.compress, timescaledb.compress_segmentby = 'device_key');
            select add_compression_policy('reading_15min', compress_after => interval '14 days');
            select add_compression_policy('reading_hourly', compress_after => interval '30 days');
            select add_compression_policy('reading_daily', compress_after => interval '60 days');
        $timescale$;
    end if;
end $$;

-- Days of whole areas, so that a year is not summed over every metering point each time somebody looks. A day that changed is
-- marked; until it is summed anew the views below take it from the accounts themselves, so that they always say the same.
create table day_stale (
    of  text not null check (of in ('collection', 'quality')),
    day timestamptz not null,
    primary key (of, day)
);
comment on table day_stale is 'Days of collection_total and quality_total that are to be summed anew.';

create table collection_total (
    day             timestamptz not null,
    feeder_key      integer,
    transformer_key integer,
    via_key         integer,
    area            text,
    devices         bigint not null,
    expected        bigint not null,
    collected       bigint not null,
    estimated       bigint not null,
    missing         bigint not null,
    edited          bigint not null,
    supply          bigint not null,
    device          bigint not null,
    communications  bigint not null,
    gateway         bigint not null
);
create unique index collection_total_key on collection_total (day, feeder_key, transformer_key, via_key, area) nulls not distinct;
comment on table collection_total is 'collection_day summed over the devices that hang at one place now; ask collection_by_day.';

create table quality_total (
    day             timestamptz not null,
    feeder_key      integer,
    transformer_key integer,
    customer_class  text,
    serving         boolean not null,
    points          bigint not null,
    points_observed bigint not null,
    points_out      bigint not null,
    observed_min    double precision,
    out_min         double precision,
    low_min         double precision,
    high_min        double precision,
    lost_min        double precision,
    means           bigint,
    means_in        bigint,
    means_wide      bigint,
    frequency_min   double precision,
    frequency_low   double precision,
    frequency_high  double precision,
    unbalance_min   double precision,
    unbalance_2_min double precision,
    unbalance_4_min double precision,
    sags            bigint,
    swells          bigint
);
create unique index quality_total_key on quality_total (day, feeder_key, transformer_key, customer_class, serving) nulls not distinct;
comment on table quality_total is 'quality_day summed over the points that hang at one place now; ask quality_by_day. Outlives quality_day.';
comment on column quality_total.serving is 'Whether these points serve customers.';

create view collection_summed as
select c.day, d.feeder_key, d.transformer_key, d.via_key, d.attributes ->> 'area' as area, count(distinct c.device_key) as devices,
       sum(c.expected) as expected, sum(c.collected) as collected, sum(c.estimated) as estimated, sum(c.missing) as missing,
       sum(c.edited) as edited, sum(c.supply) as supply, sum(c.device) as device, sum(c.communications) as communications,
       sum(c.gateway) as gateway
  from collection_day c join device d using (device_key)
 group by 1, 2, 3, 4, 5;

create view quality_summed as
select q.starts_at as day, d.feeder_key, d.transformer_key, d.attributes ->> 'customer_class' as customer_class,
       d.customers > 0 as serving, count(*) as points, count(*) filter (where q.observed_min > 0) as points_observed,
       count(*) filter (where q.out_min > 0) as points_out,
       sum(q.observed_min::double precision) as observed_min, sum(q.out_min::double precision) as out_min,
       sum(q.low_min::double precision) as low_min, sum(q.high_min::double precision) as high_min,
       sum(q.lost_min::double precision) as lost_min, sum(q.means) as means, sum(q.means_in) as means_in,
       sum(q.means_wide) as means_wide, sum(q.frequency_min::double precision) as frequency_min,
       min(q.frequency_low) filter (where q.frequency_min > 0)::double precision as frequency_low,
       max(q.frequency_high) filter (where q.frequency_min > 0)::double precision as frequency_high,
       sum(q.unbalance_min::double precision) as unbalance_min, sum(q.unbalance_2_min::double precision) as unbalance_2_min,
       sum(q.unbalance_4_min::double precision) as unbalance_4_min, sum(q.sags) as sags, sum(q.swells) as swells
  from quality_day q join device d using (device_key)
 group by 1, 2, 3, 4, 5;

create view collection_by_day as
select t.* from collection_total t where not exists (select from day_stale s where s.of = 'collection' and s.day = t.day)
union all
select c.* from collection_summed c where c.day = any (array(select s.day from day_stale s where s.of = 'collection'));
comment on view collection_by_day is 'collection_day by local day and place (feeder, transformer, concentrator, area), as devices hang now.';

create view quality_by_day as
select t.* from quality_total t where not exists (select from day_stale s where s.of = 'quality' and s.day = t.day)
union all
select q.* from quality_summed q where q.day = any (array(select s.day from day_stale s where s.of = 'quality'));
comment on view quality_by_day is 'quality_day by local day and place (feeder, transformer, customer class), as points hang now.';

-- The mark is taken over by whoever comes later, so that who sums the day waits for what is being written.
create function mark_stale() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    if tg_table_name = 'collection_day' then
        insert into day_stale select distinct 'collection', n.day from told n order by n.day
        on conflict (of, day) do update set of = excluded.of;
    else
        insert into day_stale select distinct 'quality', n.starts_at from told n order by n.starts_at
        on conflict (of, day) do update set of = excluded.of;
    end if;
    return null;
end $$;

create function mark_moved() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    if exists (select from before b join told t using (device_key)
                where (b.feeder_key, b.transformer_key, b.via_key, b.customers > 0, b.attributes ->> 'area', b.attributes ->> 'customer_class')
                      is distinct from
                      (t.feeder_key, t.transformer_key, t.via_key, t.customers > 0, t.attributes ->> 'area', t.attributes ->> 'customer_class')) then
        insert into day_stale
        select * from (select distinct 'collection', c.day from collection_total c
                       union
                       select distinct 'quality', q.day from quality_total q where q.day >= (select min(starts_at) from quality_day)) s (of, day)
         order by of, day
        on conflict (of, day) do update set of = excluded.of;
    end if;
    return null;
end $$;

create trigger stale_inserted after insert on collection_day referencing new table as told
    for each statement execute function mark_stale();
create trigger stale_updated after update on collection_day referencing new table as told
    for each statement execute function mark_stale();
create trigger stale_inserted after insert on quality_day referencing new table as told
    for each statement execute function mark_stale();
create trigger stale_updated after update on quality_day referencing new table as told
    for each statement execute function mark_stale();
create trigger stale_moved after update on device referencing old table as before new table as told
    for each statement execute function mark_moved();

insert into day_stale
select distinct 'collection', day from collection_day union all select distinct 'quality', starts_at from quality_day;

-- Sum up to `most` marked days anew, the latest first; returns how many there were.
create function sum_days(most integer default 1) returns integer
language plpgsql security definer set search_path = feederline, pg_temp set jit = off as $$
declare
    mark   record;
    summed integer := 0;
begin
    for mark in select s.of, s.day from day_stale s order by s.day desc, s.of limit most for update skip locked loop
        if mark.of = 'collection' then
            delete from collection_total where day = mark.day;
            insert into collection_total select * from collection_summed where day = mark.day;
        else
            delete from quality_total where day = mark.day;
            insert into quality_total select * from quality_summed where day = mark.day;
        end if;
        delete from day_stale where of = mark.of and day = mark.day;
        summed := summed + 1;
    end loop;
    return summed;
end $$;
revoke execute on function sum_days from public;

-- Those that stood out, for lists of the worst over long ranges.
create index collection_day_lacking on collection_day (day)
    include (device_key, expected, collected, estimated, supply, device, communications, gateway) where collected < expected;
create index quality_day_troubled on quality_day (starts_at)
    include (device_key, out_min, low_min, high_min, lost_min, sags, swells)
    where out_min > 0 or lost_min > 0 or sags > 0 or swells > 0;
create index quality_day_power_factor on quality_day (starts_at)
    include (device_key, power_factor, power_factor_limit) where power_factor < power_factor_limit;

-- Voltages of all points by the hour: how many phases had a mean of so many half per cent of nominal. Phases under a tenth
-- are left out: a dead phase is an interruption.
create table voltage_hour (
    hour   timestamptz not null,
    bin    smallint not null,
    phases integer not null,
    primary key (hour, bin)
);
comment on table voltage_hour is 'Phases by their mean voltage of the hour, in bins of half a per cent of nominal from bin/200 on.';

create table hour_total (
    hour     timestamptz primary key,
    devices  integer not null,
    readings bigint not null,
    made_at  timestamptz not null
);
comment on table hour_total is 'Devices with readings in the hour and how many; which hours of voltage_hour are reckoned, and when.';

-- Reckon up to `most` hours, the latest first: those never reckoned, those that were not over by then, those reckoned by a
-- clock that was ahead, and each once more a day later for meters that report late. Returns how many.
create function sum_hours(at timestamptz default now(), most integer default 1) returns integer
language plpgsql security definer set search_path = feederline, pg_temp set jit = off set work_mem = '64MB' as $$
declare
    h      timestamptz;
    summed integer := 0;
    plain  boolean := (select relkind = 'p' from pg_class where oid = 'reading'::regclass);
    source text;
begin
    for h in select s from generate_series(date_trunc('hour', greatest(coalesce(observed_since(), at - interval '2 days'), at - interval '400 days'), 'UTC'),
                                           date_trunc('hour', at, 'UTC'), interval '1 hour') s
             left join hour_total t on t.hour = s
             where t.made_at is null or t.made_at > at or t.made_at < least(s + interval '70 minutes', at)
                or (t.made_at < s + interval '26 hours' and at >= s + interval '26 hours')
             order by s desc limit most loop
        source := case when plain or exists (select from reading where measured_at >= h and measured_at < h + interval '1 hour')
                       then 'select device_key, count(*) as samples, avg(voltage_a) as a, avg(voltage_b) as b, avg(voltage_c) as c from reading '
                            'where measured_at >= $1 and measured_at < $1 + interval ''1 hour'' group by device_key'
                       else 'select device_key, samples, voltage_a_avg as a, voltage_b_avg as b, voltage_c_avg as c from reading_hourly '
                            'where bucket = $1' end;
        delete from voltage_hour where hour = h;
        execute format($query$
            with mean as materialized (%s), counted as (
                insert into voltage_hour
                select $1, floor(200 * v.volts / d.nominal_v)::smallint, count(*)
                  from mean m join device d on d.device_key = m.device_key and d.customers > 0 and d.nominal_v > 0,
                       lateral (values (m.a), (m.b), (m.c)) as v (volts)
                 where v.volts > 0.1 * d.nominal_v and v.volts < 10 * d.nominal_v
                 group by 2
            )
            insert into hour_total select $1, count(*), coalesce(sum(samples), 0), $2 from mean
            on conflict (hour) do update set devices = excluded.devices, readings = excluded.readings, made_at = excluded.made_at
        $query$, source) using h, at;
        summed := summed + 1;
    end loop;
    return summed;
end $$;
revoke execute on function sum_hours from public;

-- Percentiles of the voltages of all points, as shares of nominal, in steps of at least an hour.
create function voltage_spread(frm timestamptz, till timestamptz, step interval)
returns table (starts_at timestamptz, low double precision, middle double precision, high double precision, phases bigint)
language sql stable set search_path = feederline, pg_temp set jit = off as $$
    with binned as (
        select date_bin(greatest(step, interval '1 hour'), v.hour, timestamptz '2000-01-01 00:00:00+00') as at, v.bin,
               sum(v.phases) as phases
          from voltage_hour v where v.hour >= date_trunc('hour', frm, 'UTC') and v.hour < till
         group by 1, 2
    ), risen as (
        select b.at, b.bin, b.phases, sum(b.phases) over (partition by b.at order by b.bin) as upto,
               sum(b.phases) over (partition by b.at) as whole
          from binned b
    )
    select r.at,
           min((r.bin + 1 - (r.upto - 0.05 * r.whole) / r.phases) / 200) filter (where r.upto >= 0.05 * r.whole)::double precision,
           min((r.bin + 1 - (r.upto - 0.50 * r.whole) / r.phases) / 200) filter (where r.upto >= 0.50 * r.whole)::double precision,
           min((r.bin + 1 - (r.upto - 0.95 * r.whole) / r.phases) / 200) filter (where r.upto >= 0.95 * r.whole)::double precision,
           max(r.whole)::bigint
      from risen r group by r.at order by r.at
$$;

-- Named from queries that set no search_path.
alter function nodes_below(text[]) set search_path = feederline, pg_temp;

-- The same by the hour, for long ranges; kept by trigger.
create table gateway_hour (
    hour            timestamptz primary key,
    minutes         integer not null,
    ready           integer not null,
    lag_entries     bigint not null,
    behind_s        double precision,
    spool_bytes     bigint not null,
    readings        bigint not null,
    rows_written    bigint not null,
    signals         bigint not null,
    drivers_running integer not null,
    drivers_waiting integer not null,
    alarms          integer not null
);
comment on table gateway_hour is 'gateway_minute by the hour: minutes there are and in how many the gateway was ready, sums of what was taken, the least that ran, the most of all else.';

create function sum_gateway_hours() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    insert into gateway_hour
    select date_trunc('hour', m.at, 'UTC'), count(*), count(*) filter (where m.ready), max(m.lag_entries),
           max(extract(epoch from m.at - m.stream_at)), max(m.spool_bytes), sum(m.readings), sum(m.rows_written), sum(m.signals),
           min(m.drivers_running), max(m.drivers_waiting), max(m.alarms)
      from (select distinct date_trunc('hour', t.at, 'UTC') as hour from told t) h
      join gateway_minute m on m.at >= h.hour and m.at < h.hour + interval '1 hour'
     group by 1
    on conflict (hour) do update
       set minutes = excluded.minutes, ready = excluded.ready, lag_entries = excluded.lag_entries, behind_s = excluded.behind_s,
           spool_bytes = excluded.spool_bytes, readings = excluded.readings, rows_written = excluded.rows_written,
           signals = excluded.signals, drivers_running = excluded.drivers_running, drivers_waiting = excluded.drivers_waiting,
           alarms = excluded.alarms;
    return null;
end $$;
create trigger hours_inserted after insert on gateway_minute referencing new table as told
    for each statement execute function sum_gateway_hours();
create trigger hours_updated after update on gateway_minute referencing new table as told
    for each statement execute function sum_gateway_hours();

-- The indices day by day, in the time zone of the settings; only days that have begun by `at`. As before, but each stretch of
-- unknown time is held against its own days only.
create or replace function reliability_daily(
    frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (
    day timestamptz, served bigint, customer_interruptions bigint, customer_minutes double precision,
    saifi double precision, saidi_minutes double precision, asai double precision,
    open_customers bigint, open_customer_minutes double precision,
    unknown_customer_minutes double precision, unknown_share double precision)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off as $$
    with zone as (
        select coalesce(setting_text('time_zone'), 'UTC') as name, served_customers() as served,
               setting_number('sustained_threshold_s') as threshold, setting_text('sustained_comparator') as comparator
    ), day as (
        select d as day, greatest(d, observed_since()) as low,
               greatest(d, observed_since(), least(date_add(d, interval '1 day', z.name), at)) as high, z.served
          from zone z, generate_series(date_trunc('day', greatest(frm, observed_since()), z.name),
                                       least(till, at) - interval '1 microsecond', interval '1 day', z.name) d
    ), spell as (
        select date_trunc('day', s.started_at, z.name) as day, s.customers, s.ended_at is null as going_on,
               extract(epoch from coalesce(s.ended_at, greatest(at, s.started_at)) - s.started_at)::double precision as seconds
          from zone z, supply_spell(date_trunc('day', frm, z.name), till, array[of]) s
    ), judged as (
        select s.*, not going_on
                    and case z.comparator when '>=' then seconds >= threshold else seconds > threshold end as sustained
          from spell s, zone z
    ), counted as (
        select d.day, d.low, d.high, d.served::double precision as served,
               extract(epoch from d.high - d.low)::double precision / 60 as length,
               coalesce(sum(customers) filter (where going_on or sustained), 0) as interruptions,
               coalesce(sum(customers * seconds) filter (where sustained), 0) / 60 as minutes,
               coalesce(sum(customers) filter (where going_on), 0) as open_customers,
               coalesce(sum(customers * seconds) filter (where going_on), 0) / 60 as open_minutes
          from day d left join judged s on s.day = d.day
         group by d.day, d.low, d.high, d.served
    ), whole as (
        select min(low) as low, max(high) as high from day having count(*) > 0
    ), unseen as (
        select d.day, sum(u.customers * extract(epoch from upper(u.during * tstzrange(d.low, d.high))
                                                           - lower(u.during * tstzrange(d.low, d.high))
                                               )::double precision) / 60 as minutes
          from whole w, zone z, unknown_spell(w.low, w.high) u,
               lateral generate_series(date_trunc('day', lower(u.during), z.name), upper(u.during) - interval '1 microsecond',
                                       interval '1 day', z.name) as s (day)
          join day d using (day)
         group by d.day
    )
    select c.day, c.served::bigint, c.interruptions, c.minutes,
           c.interruptions / nullif(c.served, 0), c.minutes / nullif(c.served, 0),
           1 - c.minutes / nullif(c.served * c.length, 0),
           c.open_customers, c.open_minutes,
           coalesce(u.minutes, 0), coalesce(u.minutes, 0) / nullif(c.served * c.length, 0)
      from counted c left join unseen u using (day)
     order by c.day
$$;
