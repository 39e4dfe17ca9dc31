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
