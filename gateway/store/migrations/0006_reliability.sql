-- The account of supply: IEEE 1366 indices from interruptions, shared by dashboards, API and reports.

create function setting_number(setting text) returns double precision
language sql stable set search_path = feederline, pg_temp as $$
    select number from setting s where s.name = setting
$$;

create function setting_text(setting text) returns text
language sql stable set search_path = feederline, pg_temp as $$
    select value from setting s where s.name = setting
$$;

-- Interruptions that count. A cancelled incident was never one. What a merged incident left open is carried on by
-- the incident that absorbed it.
create view counted_interruption as
select i.incident_id, i.device_key, i.step, i.kind, i.state, i.started_at, i.ended_at, i.customers
  from interruption i
  join incident n using (incident_id)
 where n.state <> 'cancelled' and (n.state <> 'merged' or i.ended_at is not null);

-- Spells without supply: overlapping and adjoining interruptions of one metering point, whatever incidents they
-- belong to, are one spell. Every spell that starts in [frm, till) is there, with its whole length.
--   of: 'all', 'fault' or 'planned'.  ended_at is null while the spell goes on.
create function supply_spell(frm timestamptz, till timestamptz, of text default 'all')
returns table (device_key integer, started_at timestamptz, ended_at timestamptz, customers integer)
language sql stable set search_path = feederline, pg_temp as $$
    with piece as (
        select c.device_key, c.started_at, c.ended_at, c.customers
          from counted_interruption c
         where c.state = 'off'
           and (of = 'all' or c.kind = of)
           and (c.ended_at is null or (c.ended_at >= frm and c.ended_at > c.started_at))
           and (c.started_at < till
                or exists (select from interruption i  -- may prolong a spell that began before
                            where i.device_key = c.device_key and i.started_at < till
                              and (i.ended_at is null or i.ended_at >= till)))
    ), spell as (
        select p.device_key, max(p.customers) as customers,
               unnest(range_agg(tstzrange(p.started_at, p.ended_at))) as during
          from piece p
         group by p.device_key
    )
    select s.device_key, lower(s.during), upper(s.during), s.customers
      from spell s
     where lower(s.during) >= frm and lower(s.during) < till
$$;

create function served_customers() returns bigint
language sql stable set search_path = feederline, pg_temp as $$
    select coalesce(sum(customers), 0) from device where listed
$$;

-- When the gateway first heard the field; null before that. Nothing is known of the time before.
create function observed_since() returns timestamptz
language sql stable set search_path = feederline, pg_temp as $$
    select setting_text('observed_since')::timestamptz
$$;

-- Indices of the window [frm, till), as known at the moment `at`; one row.
--   The window begins where observation began if `frm` is earlier: time that nobody watched is not supply.
--   A spell belongs to the day it started, with all its minutes. One that goes on counts in SAIFI at once; its
--   minutes so far stand apart in open_customer_minutes until it ends. The window ends at `at` where till is later,
--   so that time to come does not count as supplied. Unknown time is no interruption and no supply: its share of
--   all customer time of the window stands beside ASAI, as does the time that is both unknown and off, counted as off.
create function reliability(
    frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all',
    out window_from timestamptz, out window_to timestamptz, out served bigint,
    out customer_interruptions bigint, out customer_minutes double precision,
    out saifi double precision, out saidi_minutes double precision, out caidi_minutes double precision,
    out asai double precision, out maifi double precision,
    out open_customers bigint, out open_customer_minutes double precision,
    out unknown_customer_minutes double precision, out unknown_share double precision,
    out threshold_s double precision, out comparator text,
    out asai_target double precision, out saidi_target_minutes double precision)
language sql stable set search_path = feederline, pg_temp as $$
    with bound as (
        select least(greatest(frm, observed_since()), greatest(frm, least(till, at))) as low,
               greatest(frm, least(till, at)) as high, served_customers() as served,
               setting_number('sustained_threshold_s') as threshold, setting_text('sustained_comparator') as comparator
    ), spell as (
        select s.customers, s.ended_at is null as going_on,
               extract(epoch from coalesce(s.ended_at, greatest(at, s.started_at)) - s.started_at)::double precision as seconds
          from supply_spell(frm, till, of) s
    ), judged as (
        select s.*, case b.comparator when '>=' then seconds >= threshold else seconds > threshold end as sustained
          from spell s, bound b
    ), counted as (
        select coalesce(sum(customers) filter (where going_on or sustained), 0) as interruptions,
               coalesce(sum(customers * seconds) filter (where sustained and not going_on), 0) / 60 as minutes,
               coalesce(sum(customers) filter (where not going_on and not sustained), 0) as momentary,
               coalesce(sum(customers) filter (where going_on), 0) as open_customers,
               coalesce(sum(customers * seconds) filter (where going_on), 0) / 60 as open_minutes
          from judged
    ), dark as (
        select c.device_key, max(c.customers) as customers,
               range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'unknown')
               - coalesce(range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'off'), '{}') as unseen
          from counted_interruption c, bound b
         where c.started_at < b.high and (c.ended_at is null or c.ended_at > b.low)
         group by c.device_key
        having bool_or(c.state = 'unknown')
    ), unseen as (
        select coalesce(sum(d.customers * extract(epoch from upper(r) - lower(r))::double precision), 0) / 60 as minutes
          from dark d, bound b, unnest(d.unseen * tstzmultirange(tstzrange(b.low, b.high))) as r
    ), total as (
        select nullif(served, 0)::double precision as customers,
               nullif(served * extract(epoch from high - low)::double precision / 60, 0) as customer_minutes
          from bound
    )
    select b.low, b.high, b.served,
           c.interruptions, c.minutes,
           c.interruptions / t.customers, c.minutes / t.customers, c.minutes / nullif(c.interruptions, 0),
           1 - c.minutes / t.customer_minutes, c.momentary / t.customers,
           c.open_customers, c.open_minutes,
           u.minutes, u.minutes / t.customer_minutes,
           b.threshold, b.comparator,
           setting_number('asai_target'), setting_number('saidi_target_minutes')
      from bound b, counted c, unseen u, total t
$$;

-- The same indices day by day, in the time zone of the settings; only days that have begun by `at`.
create function reliability_daily(
    frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (
    day timestamptz, served bigint, customer_interruptions bigint, customer_minutes double precision,
    saifi double precision, saidi_minutes double precision, asai double precision,
    open_customers bigint, open_customer_minutes double precision)
language sql stable set search_path = feederline, pg_temp as $$
    with zone as (
        select coalesce(setting_text('time_zone'), 'UTC') as name, served_customers() as served,
               setting_number('sustained_threshold_s') as threshold, setting_text('sustained_comparator') as comparator
    ), day as (
        select greatest(d, observed_since()) as low, date_add(d, interval '1 day', z.name) as high, d as day, z.served
          from zone z, generate_series(date_trunc('day', greatest(frm, observed_since()), z.name),
                                       least(till, at) - interval '1 microsecond', interval '1 day', z.name) d
    ), spell as (
        select date_trunc('day', s.started_at, z.name) as day, s.customers, s.ended_at is null as going_on,
               extract(epoch from coalesce(s.ended_at, greatest(at, s.started_at)) - s.started_at)::double precision as seconds
          from zone z, supply_spell(date_trunc('day', frm, z.name), till, of) s
    ), judged as (
        select s.*, not going_on
                    and case z.comparator when '>=' then seconds >= threshold else seconds > threshold end as sustained
          from spell s, zone z
    ), counted as (
        select d.day as low, d.served::double precision as served,
               extract(epoch from least(d.high, at) - d.low)::double precision / 60 as length,
               coalesce(sum(customers) filter (where going_on or sustained), 0) as interruptions,
               coalesce(sum(customers * seconds) filter (where sustained), 0) / 60 as minutes,
               coalesce(sum(customers) filter (where going_on), 0) as open_customers,
               coalesce(sum(customers * seconds) filter (where going_on), 0) / 60 as open_minutes
          from day d left join judged s on s.day = d.day
         group by d.day, d.low, d.high, d.served
    )
    select c.low, c.served::bigint, c.interruptions, c.minutes,
           c.interruptions / nullif(c.served, 0), c.minutes / nullif(c.served, 0),
           1 - c.minutes / nullif(c.served * c.length, 0),
           c.open_customers, c.open_minutes
      from counted c
     order by c.low
$$;

-- Every listed metering point with its supply state: off wins over unknown, everything else is on.
create view supply_now as
select d.device_key, d.device_id, d.node_key, d.transformer_key, d.feeder_key, d.customers, d.priority,
       coalesce(i.state, 'on') as state, i.started_at as since, i.incident_id
  from device d
  left join lateral (
        select c.state, c.started_at, c.incident_id
          from counted_interruption c
         where c.device_key = d.device_key and c.ended_at is null
         order by c.state, c.started_at
         limit 1
       ) i on true
 where d.listed;

-- Customers by supply state at this moment; one row.
create view customers_now as
select coalesce(sum(customers), 0)::bigint as served,
       coalesce(sum(customers) filter (where state = 'on'), 0)::bigint as supplied,
       coalesce(sum(customers) filter (where state = 'off'), 0)::bigint as off_now,
       coalesce(sum(customers) filter (where state = 'unknown'), 0)::bigint as unknown_now
  from supply_now;
