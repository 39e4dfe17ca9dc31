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
-- the incident that absorbed it. Of a device that was taken off the list nobody hears the end: it ends there.
create view counted_interruption as
select i.incident_id, i.device_key, i.step, i.kind, i.state, i.started_at, i.ended_at, i.customers
  from interruption i
  join incident n using (incident_id)
 where i.ended_at is not null and n.state <> 'cancelled'
union all
select i.incident_id, i.device_key, i.step, i.kind, i.state, i.started_at,
       case when d.unlisted_at is not null then greatest(d.unlisted_at, i.started_at) end, i.customers
  from interruption i
  join incident n using (incident_id)
  left join device d using (device_key)
 where i.ended_at is null and n.state not in ('cancelled', 'merged');

-- Spells without supply: overlapping and adjoining interruptions of one metering point, whatever incidents they
-- belong to, are one spell. Every spell that starts in [frm, till) is there, with its whole length.
--   kinds: any of 'all', 'fault' and 'planned'; each has spells of its own.  ended_at is null while the spell goes on.
create function supply_spell(frm timestamptz, till timestamptz, kinds text[] default '{all}')
returns table (of text, device_key integer, started_at timestamptz, ended_at timestamptz, customers integer)
language sql stable set search_path = feederline, pg_temp as $$
    with piece as materialized (
        select c.device_key, c.kind, c.started_at, c.ended_at, c.customers
          from counted_interruption c
         where c.state = 'off'
           and (c.ended_at is null or (c.ended_at >= frm and c.ended_at > c.started_at))
           and (c.started_at < till
                or exists (select from interruption i  -- may prolong a spell that began before
                            where i.device_key = c.device_key and i.started_at < till
                              and (i.ended_at is null or i.ended_at >= till)))
    ), spell as (
        select k.of, p.device_key, max(p.customers) as customers,
               unnest(range_agg(tstzrange(p.started_at, p.ended_at))) as during
          from unnest(kinds) as k (of)
          join piece p on k.of = 'all' or p.kind = k.of
         group by k.of, p.device_key
    )
    select s.of, s.device_key, lower(s.during), upper(s.during), s.customers
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

-- When the gateway was away: nobody could be heard. It says so itself, both ends at the same moment.
create view gateway_absence as
select down.occurred_at as started_at, up.occurred_at as ended_at
  from signal down
  join signal up on up.kind = 'gateway_up' and up.device_key is null and up.received_at = down.received_at
 where down.kind = 'gateway_down' and down.device_key is null and up.occurred_at > down.occurred_at;

-- Time within [low, high) of which nobody knows whether there was supply, by metering point: communications lost, or
-- the gateway away, less what is known to be off. device_key is null for all customers of whom nothing else is told.
create function unknown_spell(low timestamptz, high timestamptz)
returns table (device_key integer, customers bigint, during tstzrange)
language sql stable set search_path = feederline, pg_temp as $$
    with absence as (
        select coalesce(range_agg(tstzrange(a.started_at, a.ended_at)), '{}')
               * tstzmultirange(tstzrange(low, high)) as during
          from gateway_absence a
         where a.started_at < high and a.ended_at > low
    ), told as (
        select c.device_key, max(c.customers) as customers,
               coalesce(range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'unknown'), '{}')
               as unknown,
               coalesce(range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'off'), '{}') as off
          from counted_interruption c
         where c.started_at < high and (c.ended_at is null or c.ended_at > low)
         group by c.device_key
    ), point as (
        select t.device_key, t.customers, coalesce(d.customers, 0) as served,
               (t.unknown * tstzmultirange(tstzrange(low, high)) + case when d.device_key is null then '{}' else a.during end)
               - t.off as during
          from absence a, told t left join device d on d.device_key = t.device_key and d.listed
         where t.unknown <> '{}' or t.off && a.during
    )
    select p.device_key, p.customers, unnest(p.during) from point p
    union all
    select null, served_customers() - (select coalesce(sum(served), 0) from point), unnest(a.during) from absence a
$$;

-- Indices of the window [frm, till), as known at the moment `at`; one row for each of `kinds`.
--   The window begins where observation began if `frm` is earlier: time that nobody watched is not supply.
--   A spell belongs to the day it started, with all its minutes. One that goes on counts in SAIFI at once; its
--   minutes so far stand apart in open_customer_minutes until it ends. The window ends at `at` where till is later,
--   so that time to come does not count as supplied. Unknown time is no interruption and no supply: its share of
--   all customer time of the window stands beside ASAI, as does the time that is both unknown and off, counted as off.
create function reliability(
    frm timestamptz, till timestamptz, at timestamptz default now(), kinds text[] default '{all}')
returns table (
    of text, window_from timestamptz, window_to timestamptz, served bigint,
    customer_interruptions bigint, customer_minutes double precision,
    saifi double precision, saidi_minutes double precision, caidi_minutes double precision,
    asai double precision, maifi double precision,
    open_customers bigint, open_customer_minutes double precision,
    unknown_customer_minutes double precision, unknown_share double precision,
    threshold_s double precision, comparator text,
    asai_target double precision, saidi_target_minutes double precision)
language sql stable rows 3 set search_path = feederline, pg_temp as $$
    with bound as (
        select least(greatest(frm, observed_since()), greatest(frm, least(till, at))) as low,
               greatest(frm, least(till, at)) as high, served_customers() as served,
               setting_number('sustained_threshold_s') as threshold, setting_text('sustained_comparator') as comparator
    ), spell as (
        select s.of, s.customers, s.ended_at is null as going_on,
               extract(epoch from coalesce(s.ended_at, greatest(at, s.started_at)) - s.started_at)::double precision as seconds
          from supply_spell(frm, till, kinds) s
    ), judged as (
        select s.*, case b.comparator when '>=' then seconds >= threshold else seconds > threshold end as sustained
          from spell s, bound b
    ), counted as (
        select k.of, coalesce(sum(customers) filter (where going_on or sustained), 0) as interruptions,
               coalesce(sum(customers * seconds) filter (where sustained and not going_on), 0) / 60 as minutes,
               coalesce(sum(customers) filter (where not going_on and not sustained), 0) as momentary,
               coalesce(sum(customers) filter (where going_on), 0) as open_customers,
               coalesce(sum(customers * seconds) filter (where going_on), 0) / 60 as open_minutes
          from unnest(kinds) as k (of) left join judged j on j.of = k.of
         group by k.of
    ), unseen as (
        select coalesce(sum(u.customers * extract(epoch from upper(u.during) - lower(u.during))::double precision), 0) / 60
               as minutes
          from bound b, unknown_spell(b.low, b.high) u
    ), total as (
        select nullif(served, 0)::double precision as customers,
               nullif(served * extract(epoch from high - low)::double precision / 60, 0) as customer_minutes
          from bound
    )
    select c.of, b.low, b.high, b.served,
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
    open_customers bigint, open_customer_minutes double precision,
    unknown_customer_minutes double precision, unknown_share double precision)
language sql stable set search_path = feederline, pg_temp as $$
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
          from whole w, unknown_spell(w.low, w.high) u join day d on u.during && tstzrange(d.low, d.high)
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

-- Listed metering points whose supply is not known to be on; off wins over unknown, then the earliest.
create view without_supply_now as
select distinct on (i.device_key) i.device_key, i.state, i.started_at as since, i.incident_id, d.customers
  from interruption i
  join incident n using (incident_id)
  join device d using (device_key)
 where i.ended_at is null and n.state not in ('cancelled', 'merged') and d.listed
 order by i.device_key, i.state, i.started_at;

-- Every listed metering point with its supply state; who is not said to be without supply is on.
create view supply_now as
select d.device_key, d.device_id, d.node_key, d.transformer_key, d.feeder_key, d.customers, d.priority,
       coalesce(w.state, 'on') as state, w.since, w.incident_id
  from device d
  left join without_supply_now w using (device_key)
 where d.listed;

-- Customers by supply state at this moment; one row. Asks for those without supply only, who are few.
create view customers_now as
select s.served, s.served - w.off_now - w.unknown_now as supplied, w.off_now, w.unknown_now
  from served_customers() as s (served),
       (select coalesce(sum(customers) filter (where state = 'off'), 0)::bigint as off_now,
               coalesce(sum(customers) filter (where state = 'unknown'), 0)::bigint as unknown_now
          from without_supply_now) as w;
