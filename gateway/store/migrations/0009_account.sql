-- The account of supply by place, time, kind and basis; docs/indices.md has the definitions.
-- The functions that go over many spells set work_mem, jit and enable_mergejoin for themselves: the planner cannot know how
-- many there are, and would sort on disk and compile for a second what takes half of one.

insert into setting (name, value, number) values
    ('dlt_836_threshold_s', '180', 180),
    ('cemi_interruptions', '3', 3),
    ('celid_single_hours', '8', 8),
    ('celid_total_hours', '12', 12),
    ('max_clock_error_s', '1800', 1800),
    ('target_month_asai', '0.999', 0.999),
    ('target_month_saidi_minutes', '15', 15),
    ('target_rolling_year_asai', '0.999', 0.999)
on conflict do nothing;

drop function supply_spell;

-- Spells of metering points, each with its whole length; ended_at is null while it goes on.
--   Those that start in [frm, till); `overlapping`: also those that began before and end after frm.
--   kinds: any of 'all', 'fault', 'planned' (without supply) and 'unknown'; each has spells of its own.
-- This function and the two below name the schema and set nothing, so that they become part of the query around them.
create function supply_spell(
    frm timestamptz, till timestamptz, kinds text[] default '{all}', overlapping boolean default false)
returns table (of text, device_key integer, started_at timestamptz, ended_at timestamptz, customers integer, event text)
language sql stable as $$
    with told as (
        select k.of, o.device_key, o.started_at, o.customers, o.incident_id collate "C" as event
          from feederline.open_interruption o, unnest(feederline.spells_of(o.state, o.kind)) as k (of)
         where k.of = any(kinds)
           and o.state in (case when kinds <> '{unknown}' then 'off' end, case when 'unknown' = any(kinds) then 'unknown' end)
    ), going as materialized (
        select of, device_key, min(started_at) as started_at, max(customers) as customers,
               (array_agg(event order by started_at, event))[1] as event
          from told group by of, device_key
    ), prolonged as (
        select g.of, g.device_key, least(g.started_at, s.started_at) as started_at,
               greatest(g.customers, s.customers) as customers,
               case when s.started_at < g.started_at or (s.started_at = g.started_at and s.event collate "C" < g.event)
                    then s.event else g.event end as event
          from going g
          left join lateral (select min(s.started_at) as started_at, max(s.customers) as customers,
                                    (array_agg(s.event order by s.started_at))[1] as event
                               from feederline.spell s
                              where s.device_key = g.device_key and s.of = g.of and s.ended_at >= g.started_at) s on true
    ), ended as (
        select s.of, s.device_key, s.started_at, s.ended_at, s.customers, s.event
          from feederline.spell s where s.of = any(kinds) and s.started_at >= frm and s.started_at < till
        union all
        select s.of, s.device_key, s.started_at, s.ended_at, s.customers, s.event
          from feederline.spell s where overlapping and s.of = any(kinds) and s.started_at < least(frm, till) and s.ended_at > frm
    )
    select e.* from ended e where (e.of, e.device_key) not in (select g.of, g.device_key from going g)
    union all
    select s.of, s.device_key, s.started_at, s.ended_at, s.customers, s.event
      from going g join feederline.spell s on s.device_key = g.device_key and s.of = g.of
     where s.ended_at < g.started_at and s.started_at < till
       and (s.started_at >= frm or (overlapping and s.ended_at > frm))
    union all
    select p.of, p.device_key, p.started_at, null, p.customers, p.event
      from prolonged p where p.started_at < till and (p.started_at >= frm or overlapping)
$$;

-- Metering points that count for a transformer on the medium-voltage basis.
create view transformer_point as
select d.transformer_key, d.device_key from device d where d.listed and d.customers > 0 and d.transformer_key is not null;

create function served_users(basis text) returns bigint
language sql stable set search_path = feederline, pg_temp as $$
    select case basis when 'mv' then (select count(distinct transformer_key) from transformer_point) else served_customers() end
$$;

-- Transformers all of whose points are without supply at once, from supply_spell; each counts as one user.
create function transformer_spell(
    frm timestamptz, till timestamptz, kinds text[] default '{all}', overlapping boolean default false)
returns table (of text, node_key integer, started_at timestamptz, ended_at timestamptz)
language sql stable as $$
    with point as (
        select s.of, p.transformer_key, s.device_key, range_agg(tstzrange(s.started_at, s.ended_at)) as off
          from feederline.supply_spell(frm, till, kinds, true) s join feederline.transformer_point p using (device_key)
         group by s.of, p.transformer_key, s.device_key
    ), complete as (
        select p.of, p.transformer_key, unnest(range_intersect_agg(p.off)) as off
          from point p
         group by p.of, p.transformer_key
        having count(*) = (select count(*) from feederline.transformer_point t where t.transformer_key = p.transformer_key)
    )
    select c.of, c.transformer_key, lower(c.off), upper(c.off)
      from complete c
     where lower(c.off) < till and (lower(c.off) >= frm or (overlapping and coalesce(upper(c.off) > frm, true)))
$$;

-- Spells of a window, judged as known at the moment `at`. user_key: a device, or on the basis 'mv' a transformer's node.
--   micros: its length so far in µs, whole numbers so that sums do not depend on their order.
--   sustained: counts as an interruption, ended or not.  momentary_event: stands for its event in MAIFI_E.
--   threshold_s: null for that of the settings.
create function judged_spell(
    frm timestamptz, till timestamptz, at timestamptz, kinds text[] default '{all}', basis text default 'lv',
    threshold_s double precision default null)
returns table (of text, user_key integer, customers integer, started_at timestamptz, micros bigint,
               going_on boolean, sustained boolean, momentary_event boolean)
language sql stable as $$
    with rule as materialized (
        select coalesce(threshold_s, feederline.setting_number('sustained_threshold_s')) * 1e6 as threshold,
               feederline.setting_text('sustained_comparator') = '>=' as inclusive
    ), spell as (
        select s.of, s.device_key as user_key, s.customers, s.started_at, s.ended_at, s.event
          from feederline.supply_spell(frm, till, kinds) s where basis = 'lv'
        union all
        select s.of, s.node_key, 1, s.started_at, s.ended_at, null
          from feederline.transformer_spell(frm, till, kinds) s where basis = 'mv'
    ), timed as (
        select s.*, s.ended_at is null as going_on,
               round(date_part('epoch', coalesce(s.ended_at, greatest(at, s.started_at)) - s.started_at) * 1e6)::bigint as micros
          from spell s
    ), judged as materialized (
        select t.of, t.user_key, t.customers, t.started_at, t.micros, t.going_on, t.event,
               t.going_on or t.micros > r.threshold or (r.inclusive and t.micros = r.threshold) as sustained
          from timed t, rule r
    ), brief as materialized (
        select j.of, j.user_key, j.event, min(j.started_at) as started_at
          from judged j where not j.sustained and j.event is not null
         group by j.of, j.user_key, j.event
    ), lasting as (
        select distinct b.of, b.user_key, b.event
          from brief b join judged j on j.of = b.of and j.user_key = b.user_key and j.event = b.event and j.sustained
    )
    select j.of, j.user_key, j.customers, j.started_at, j.micros, j.going_on, true, false from judged j where j.sustained
    union all
    select j.of, j.user_key, j.customers, j.started_at, j.micros, false, false,
           b.started_at is not null and l.event is null
      from judged j
      left join brief b on b.of = j.of and b.user_key = j.user_key and b.event = j.event and b.started_at = j.started_at
      left join lasting l on l.of = j.of and l.user_key = j.user_key and l.event = j.event
     where not j.sustained
$$;

-- Of whom nothing is known within [low, high), and is not known to be off: communications lost, or the gateway away.
--   user_key null: everybody of whom nothing else is told, as long as the gateway was away.
create function unknown_time(low timestamptz, high timestamptz, basis text default 'lv')
returns table (user_key integer, customers bigint, during tstzmultirange)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with absence as (
        select coalesce(range_agg(tstzrange(a.started_at, a.ended_at)), '{}') * tstzmultirange(tstzrange(low, high)) as during
          from gateway_absence a
         where a.started_at < high and a.ended_at > low
    ), hidden as materialized (
        select s.device_key, range_agg(tstzrange(s.started_at, s.ended_at)) as during, max(s.customers) as customers
          from supply_spell(low, high, '{unknown}', true) s group by s.device_key
    ), about as materialized (  -- of whom the time without supply has to be looked at as well
        select h.device_key from hidden h
        union
        select s.device_key from unnest((select during from absence)) a (part), supply_spell(lower(part), upper(part), '{all}', true) s
    ), wanted as (
        select a.device_key from about a where basis = 'lv'
        union
        select p.device_key from transformer_point p
         where basis = 'mv'
           and p.transformer_key in (select t.transformer_key from about a join transformer_point t using (device_key))
    ), dark as (
        select w.device_key, range_agg(tstzrange(s.started_at, s.ended_at)) as during, max(s.customers) as customers
          from wanted w join supply_spell(low, high, '{all}', true) s using (device_key) group by w.device_key
    ), point as (
        select w.device_key, coalesce(h.during, '{}') as hidden, coalesce(k.during, '{}') as dark,
               greatest(h.customers, k.customers)::bigint as customers
          from wanted w left join hidden h using (device_key) left join dark k using (device_key)
    )
    select p.device_key, p.customers,
           p.hidden * tstzmultirange(tstzrange(low, high)) + case when d.listed then a.during else '{}' end - p.dark
      from absence a, point p left join device d using (device_key)
     where basis = 'lv'
    union all
    select t.transformer_key, 1,
           range_intersect_agg(p.hidden + p.dark) * tstzmultirange(tstzrange(low, high)) + a.during - range_intersect_agg(p.dark)
      from absence a, point p join transformer_point t using (device_key)
     where basis = 'mv'
     group by t.transformer_key, a.during
    union all
    select null, null, a.during from absence a where a.during <> '{}'
$$;

create or replace function unknown_spell(low timestamptz, high timestamptz)
returns table (device_key integer, customers bigint, during tstzrange)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with told as materialized (select * from unknown_time(low, high))
    select t.user_key, t.customers, unnest(t.during) from told t where t.user_key is not null
    union all
    select null, served_customers() - coalesce((select sum(d.customers) from told o join device d on d.device_key = o.user_key
                                                 where d.listed), 0), unnest(t.during)
      from told t where t.user_key is null
$$;

-- Where each node lies: the nearest of each kind at or above it, and its district: the attribute of that name, written
-- at the node or nearest above it, else the substation.
create view node_place as
with recursive spot as (
    select n.node_key, n.node_id, case when n.kind = 'substation' then n.node_id end as substation,
           case when n.kind = 'feeder' then n.node_id end as feeder,
           case when n.kind = 'transformer' then n.node_id end as transformer,
           nullif(n.attributes ->> 'district', '') as district
      from node n where n.parent_key is null
    union all
    select n.node_key, n.node_id, case when n.kind = 'substation' then n.node_id else p.substation end,
           case when n.kind = 'feeder' then n.node_id else p.feeder end,
           case when n.kind = 'transformer' then n.node_id else p.transformer end,
           coalesce(nullif(n.attributes ->> 'district', ''), p.district)
      from spot p join node n on n.parent_key = p.node_key
)
select node_key, node_id, coalesce(feeder, '') as feeder, coalesce(transformer, '') as transformer,
       coalesce(district, substation, '') as district
  from spot;

-- Whom an account counts, and in which group each is now: 'all' (one group, ''), 'node' (its own node), 'feeder',
-- 'transformer', 'district' or 'customer_class'. customers is 0 for who is no longer listed.
create function account_user(place text, basis text default 'lv')
returns table (user_key integer, home text, customers bigint)
language plpgsql stable rows 10000 set search_path = feederline, pg_temp as $$
begin
    if place is null or place not in ('all', 'node', 'feeder', 'transformer', 'district', 'customer_class') then
        raise exception 'place % is not all, node, feeder, transformer, district or customer_class', place
            using errcode = 'invalid_parameter_value';
    elsif basis is null or basis not in ('lv', 'mv') then
        raise exception 'basis % is not lv or mv', basis using errcode = 'invalid_parameter_value';
    elsif basis = 'lv' and place in ('all', 'customer_class') then
        return query
        select d.device_key, case place when 'all' then '' else coalesce(d.attributes ->> 'customer_class', '') end,
               case when d.listed then d.customers else 0 end::bigint
          from device d;
    elsif basis = 'lv' then
        return query
        select d.device_key, coalesce(case place when 'node' then p.node_id when 'feeder' then p.feeder
                                                    when 'transformer' then p.transformer else p.district end, ''),
               case when d.listed then d.customers else 0 end::bigint
          from device d left join node_place p using (node_key);
    else
        return query
        select p.node_key, case place when 'node' then p.node_id when 'feeder' then p.feeder
                                         when 'transformer' then p.node_id when 'district' then p.district else '' end, 1::bigint
          from node_place p
         where p.node_key in (select t.transformer_key from transformer_point t);
    end if;
end $$;

-- Accounts by group and, where `period` is 'day', 'month' or 'year', by that in the time zone of the settings.
--   A node's account holds everything at and below it. The window, what is open and what is unknown are as in
--   `reliability`. Minutes, served and interruptions are those of customers, on the basis 'mv' of transformers.
create function reliability_by(
    place text, frm timestamptz, till timestamptz, at timestamptz default now(), kinds text[] default '{all}',
    basis text default 'lv', period text default null)
returns table (
    key text, period_from timestamptz, period_to timestamptz, of text, served bigint,
    customer_interruptions bigint, customer_minutes double precision,
    momentary_interruptions bigint, momentary_events bigint,
    open_customers bigint, open_customer_minutes double precision, unknown_customer_minutes double precision,
    saifi double precision, saidi_minutes double precision, caidi_minutes double precision, asai double precision,
    maifi double precision, maifi_e double precision, unknown_share double precision)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with bound as (
        select least(greatest(frm, observed_since()), greatest(frm, least(till, at))) as low,
               greatest(frm, least(till, at)) as high, coalesce(setting_text('time_zone'), 'UTC') as zone
    ), span as materialized (
        select 1 as number, frm as start, low, high from bound where period is null
        union all
        select row_number() over (order by s.start), s.start, greatest(b.low, s.start), least(b.high, date_add(s.start, ('1 ' || period)::interval, b.zone))
          from bound b, generate_series(date_trunc(period, frm, b.zone), b.high - interval '1 microsecond',
                                        ('1 ' || period)::interval, b.zone) as s (start)
         where period is not null
           and date_add(s.start, ('1 ' || period)::interval, b.zone) > b.low
    ), member as materialized (
        select user_key, home, customers from account_user(place, basis)
    ), lift as materialized (  -- the groups that a home's account goes into
        select distinct m.home, m.home as key from member m where place <> 'node'
        union all
        select a.home, a.key
          from (with recursive above as (
                    select n.node_id as home, n.node_id as key, n.parent_key
                      from (select distinct home from member where place = 'node') h join node n on n.node_id = h.home
                    union all
                    select a.home, n.node_id, n.parent_key from above a join node n on n.node_key = a.parent_key
                ) select home, key from above) a
    ), home as materialized (
        select home, sum(customers) as served from member group by home
    ), counted as materialized (
        select j.of, width_bucket(j.started_at, (select array_agg(s.start order by s.start) from span s)) as number, m.home,
               sum(j.customers) filter (where j.sustained) as interruptions,
               sum(j.customers * j.micros) filter (where j.sustained and not j.going_on) as micros,
               sum(j.customers) filter (where not j.sustained) as momentary,
               sum(j.customers) filter (where j.momentary_event) as events,
               sum(j.customers) filter (where j.going_on) as open_customers,
               sum(j.customers * j.micros) filter (where j.going_on) as open_micros
          from judged_spell(frm, till, at, kinds, basis) j join member m using (user_key)
         group by 1, 2, 3
    ), unknown as materialized (
        select u.user_key, u.customers, u.during from bound b, unknown_time(b.low, b.high, basis) u
    ), unseen as (
        select s.number, m.home, sum(u.customers * extract(epoch from upper(part) - lower(part))::double precision) as seconds
          from unknown u join member m using (user_key), span s, unnest(u.during * tstzmultirange(tstzrange(s.low, s.high))) part
         where u.during && tstzrange(s.low, s.high)
         group by s.number, m.home
        union all
        select s.number, h.home, (h.served - coalesce(t.served, 0))
                                * sum(extract(epoch from upper(part) - lower(part))::double precision)
          from unknown u, span s, unnest(u.during * tstzmultirange(tstzrange(s.low, s.high))) part,
               home h left join (select m.home, sum(m.customers) as served from unknown o join member m using (user_key)
                                  group by m.home) t using (home)
         where u.user_key is null
         group by s.number, h.home, h.served, t.served
    ), sums as (
        select l.key, c.of, c.number, sum(c.interruptions) as interruptions, sum(c.micros)::double precision / 60e6 as minutes,
               sum(c.momentary) as momentary, sum(c.events) as events, sum(c.open_customers) as open_customers,
               sum(c.open_micros)::double precision / 60e6 as open_minutes
          from counted c join lift l using (home) group by l.key, c.of, c.number
    ), hidden as (
        select l.key, u.number, sum(u.seconds) / 60 as minutes from unseen u join lift l using (home) group by l.key, u.number
    ), account as (
        select g.key, s.low, s.high, k.of, g.served,
               coalesce(c.interruptions, 0)::bigint as interruptions, coalesce(c.minutes, 0) as minutes,
               coalesce(c.momentary, 0)::bigint as momentary,
               case basis when 'lv' then coalesce(c.events, 0)::bigint end as events,
               coalesce(c.open_customers, 0)::bigint as open_customers, coalesce(c.open_minutes, 0) as open_minutes,
               coalesce(u.minutes, 0) as unknown_minutes, nullif(g.served, 0)::double precision as customers,
               nullif(g.served * extract(epoch from s.high - s.low)::double precision / 60, 0) as customer_minutes
          from (select l.key, sum(h.served)::bigint as served from lift l join home h using (home) group by l.key) g
         cross join span s cross join unnest(kinds) as k (of)
          left join sums c on c.key = g.key and c.number = s.number and c.of = k.of
          left join hidden u on u.key = g.key and u.number = s.number
         where g.served > 0 or c.interruptions > 0 or c.momentary > 0
    )
    select a.key, a.low, a.high, a.of, a.served, a.interruptions, a.minutes, a.momentary, a.events,
           a.open_customers, a.open_minutes, a.unknown_minutes,
           a.interruptions / a.customers, a.minutes / a.customers, a.minutes / nullif(a.interruptions, 0),
           1 - a.minutes / a.customer_minutes, a.momentary / a.customers, a.events / a.customers,
           a.unknown_minutes / a.customer_minutes
      from account a
     order by a.low, a.key, a.of
$$;

drop function reliability;

-- Indices of the window [frm, till), as known at the moment `at`; one row for each of `kinds`.
--   The window begins where observation began if `frm` is earlier: time that nobody watched is not supply. It ends at
--   `at` where till is later: time to come does not count as supplied. A spell belongs to the window it started in, with
--   all its minutes. One that goes on counts in SAIFI at once; its minutes so far stand apart in open_customer_minutes
--   until it ends. Unknown time is no interruption and no supply; what is both unknown and off is off.
--   cemi: share of customers with at least `cemi_interruptions`; celid_single, celid_total: with one of at least
--   `celid_single_hours`, or at least `celid_total_hours` in total (settings of those names).
create function reliability(
    frm timestamptz, till timestamptz, at timestamptz default now(), kinds text[] default '{all}', basis text default 'lv')
returns table (
    of text, window_from timestamptz, window_to timestamptz, served bigint,
    customer_interruptions bigint, customer_minutes double precision,
    saifi double precision, saidi_minutes double precision, caidi_minutes double precision,
    asai double precision, maifi double precision,
    open_customers bigint, open_customer_minutes double precision,
    unknown_customer_minutes double precision, unknown_share double precision,
    threshold_s double precision, comparator text,
    asai_target double precision, saidi_target_minutes double precision,
    maifi_e double precision, customers_interrupted bigint, caifi double precision,
    cemi double precision, celid_single double precision, celid_total double precision,
    cemi_interruptions double precision, celid_single_hours double precision, celid_total_hours double precision)
language sql stable rows 3 set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with bound as (
        select least(greatest(frm, observed_since()), greatest(frm, least(till, at))) as low,
               greatest(frm, least(till, at)) as high,
               served_users(basis) as served
    ), level as materialized (
        select setting_number('cemi_interruptions') as times, setting_number('celid_single_hours') as longest,
               setting_number('celid_total_hours') as total
    ), had as materialized (  -- what each user had
        select j.of, j.user_key, max(j.customers) filter (where j.sustained) as customers,
               count(*) filter (where j.sustained) as times,
               max(j.micros) filter (where j.sustained and not j.going_on) / 3600e6 as longest,
               sum(j.micros) filter (where j.sustained and not j.going_on) / 3600e6 as total,
               sum(j.customers) filter (where j.sustained) as interruptions,
               sum(j.customers * j.micros) filter (where j.sustained and not j.going_on) as micros,
               sum(j.customers) filter (where not j.sustained) as momentary,
               sum(j.customers) filter (where j.momentary_event) as events,
               sum(j.customers) filter (where j.going_on) as open_customers,
               sum(j.customers * j.micros) filter (where j.going_on) as open_micros
          from judged_spell(frm, till, at, kinds, basis) j
         group by j.of, j.user_key
    ), counted as (
        select k.of, coalesce(sum(h.interruptions), 0)::bigint as interruptions, coalesce(sum(h.micros), 0)::double precision / 60e6 as minutes,
               coalesce(sum(h.momentary), 0) as momentary, coalesce(sum(h.events), 0) as events,
               coalesce(sum(h.open_customers), 0)::bigint as open_customers, coalesce(sum(h.open_micros), 0)::double precision / 60e6 as open_minutes,
               coalesce(sum(h.customers), 0)::bigint as interrupted,
               coalesce(sum(h.customers) filter (where h.times >= l.times), 0) as often,
               coalesce(sum(h.customers) filter (where h.longest >= l.longest), 0) as long,
               coalesce(sum(h.customers) filter (where h.total >= l.total), 0) as long_in_total
          from level l cross join unnest(kinds) as k (of) left join had h on h.of = k.of
         group by k.of
    ), unknown as (
        select u.user_key, u.customers, (select sum(extract(epoch from upper(p) - lower(p))) from unnest(u.during) p)::double precision / 60
               as minutes
          from bound b, unknown_time(b.low, b.high, basis) u
    ), unseen as (
        select coalesce(sum(coalesce(u.customers, b.served - (select coalesce(sum(m.customers), 0)
                                                                from unknown o join account_user('all', basis) m using (user_key)))
                            * u.minutes), 0) as minutes
          from bound b, unknown u
    ), total as (
        select nullif(served, 0)::double precision as customers,
               nullif(served * extract(epoch from high - low)::double precision / 60, 0) as customer_minutes
          from bound
    )
    select c.of, b.low, b.high, b.served,
           c.interruptions, c.minutes,
           c.interruptions / t.customers, c.minutes / t.customers, c.minutes / nullif(c.interruptions, 0),
           1 - c.minutes / t.customer_minutes, c.momentary::double precision / t.customers,
           c.open_customers, c.open_minutes,
           u.minutes, u.minutes / t.customer_minutes,
           setting_number('sustained_threshold_s'), setting_text('sustained_comparator'),
           setting_number('asai_target'), setting_number('saidi_target_minutes'),
           case basis when 'lv' then c.events / t.customers end,
           c.interrupted, c.interruptions::double precision / nullif(c.interrupted, 0),
           c.often / t.customers, c.long / t.customers, c.long_in_total / t.customers, l.times, l.longest, l.total
      from bound b, counted c, unseen u, total t, level l
$$;

-- The names and hours of DL/T 836: 1 all interruptions, f faults, s scheduled ones; customer_hours is the sum of hours × users.
-- Sustained is what is longer than the setting dlt_836_threshold_s.
create function dlt_836(frm timestamptz, till timestamptz, at timestamptz default now(), basis text default 'lv')
returns table (
    saidi_1_hours double precision, saidi_s_hours double precision, saidi_f_hours double precision,
    saifi_1 double precision, saifi_s double precision, saifi_f double precision, asai_1 double precision,
    customer_hours double precision, customer_hours_s double precision, customer_hours_f double precision,
    threshold_s double precision)
language sql stable rows 1 set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with sums as (
        select coalesce(sum(j.customers) filter (where j.of = 'all'), 0) as n_1,
               coalesce(sum(j.customers) filter (where j.of = 'planned'), 0) as n_s,
               coalesce(sum(j.customers) filter (where j.of = 'fault'), 0) as n_f,
               coalesce(sum(j.customers * j.micros) filter (where j.of = 'all' and not j.going_on), 0)::double precision / 3600e6 as h_1,
               coalesce(sum(j.customers * j.micros) filter (where j.of = 'planned' and not j.going_on), 0)::double precision / 3600e6 as h_s,
               coalesce(sum(j.customers * j.micros) filter (where j.of = 'fault' and not j.going_on), 0)::double precision / 3600e6 as h_f
          from judged_spell(frm, till, at, '{all,fault,planned}', basis, setting_number('dlt_836_threshold_s')) j
         where j.sustained
    ), users as (
        select nullif(served_users(basis), 0)::double precision as served, greatest(frm, least(till, at)) as high
    )
    select h_1 / served, h_s / served, h_f / served, n_1 / served, n_s / served, n_f / served,
           1 - h_1 / nullif(served * extract(epoch from high - least(greatest(frm, observed_since()), high))::double precision / 3600, 0),
           h_1, h_s, h_f, setting_number('dlt_836_threshold_s')
      from sums, users
$$;

-- Days of [frm, till) with ended sustained interruptions: what began that day, by the zone of the settings.
create function interrupted_day(frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (day timestamptz, customer_interruptions bigint, customer_minutes double precision,
               saifi double precision, saidi_minutes double precision)
language sql stable set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    select date_trunc('day', j.started_at, coalesce(setting_text('time_zone'), 'UTC')), sum(j.customers)::bigint,
           coalesce(sum(j.customers * j.micros) filter (where not j.going_on), 0)::double precision / 60e6,
           sum(j.customers) / nullif(s.served, 0)::double precision,
           coalesce(sum(j.customers * j.micros) filter (where not j.going_on), 0)::double precision / 60e6 / nullif(s.served, 0)
      from judged_spell(frm, till, at, array[of]) j, served_customers() as s (served)
     where j.sustained
     group by 1, s.served
$$;

-- T_MED of IEEE 1366: exp(α + 2.5 β) over the logarithms of daily SAIDI of up to five years before `before`, days without
-- any left out; null where fewer than two days had interruptions. provisional: less than five years are known.
create function major_event_limit(before timestamptz, of text default 'all')
returns table (alpha double precision, beta double precision, t_med_minutes double precision, days bigint,
               history_from timestamptz, provisional boolean)
language sql stable set search_path = feederline, pg_temp as $$
    with history as (
        select greatest(f.first, coalesce(observed_since(), (select min(s.started_at) from spell s where s.of = 'all'), before))
               as since, f.first
          from date_subtract(before, interval '5 years', coalesce(setting_text('time_zone'), 'UTC')) as f (first)
    ), told as (
        select avg(ln(d.saidi_minutes)) as alpha, stddev_samp(ln(d.saidi_minutes)) as beta, count(*) as days,
               min(d.saidi_minutes) as least, max(d.saidi_minutes) as most
          from history h, interrupted_day(h.since, before, before, of) d
         where d.saidi_minutes > 0
    )
    select t.alpha, case when t.least = t.most and t.days > 1 then 0 else t.beta end,
           case when t.days < 2 then null when t.least = t.most then t.most else exp(t.alpha + 2.5 * t.beta) end,
           t.days, h.since, h.since > h.first
      from told t, history h
$$;

-- The days of a window that had interruptions; major: their SAIDI exceeds T_MED of the history before the window.
create function major_event_day(frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (day timestamptz, customer_interruptions bigint, customer_minutes double precision,
               saifi double precision, saidi_minutes double precision, t_med_minutes double precision, major boolean)
language sql stable set search_path = feederline, pg_temp as $$
    select d.*, l.t_med_minutes, coalesce(d.saidi_minutes > l.t_med_minutes, false)
      from interrupted_day(frm, till, at, of) d, major_event_limit(frm, of) l
     order by d.day
$$;

-- Both sides of the split: 'all' days, 'normal' ones and 'major' event days.
create function reliability_split(frm timestamptz, till timestamptz, at timestamptz default now(), of text default 'all')
returns table (days text, customer_interruptions bigint, customer_minutes double precision,
               saifi double precision, saidi_minutes double precision, caidi_minutes double precision)
language sql stable set search_path = feederline, pg_temp as $$
    with day as materialized (select * from major_event_day(frm, till, at, of))
    select p.days, coalesce(sum(d.customer_interruptions), 0)::bigint, coalesce(sum(d.customer_minutes), 0),
           coalesce(sum(d.saifi), 0), coalesce(sum(d.saidi_minutes), 0),
           sum(d.customer_minutes) / nullif(sum(d.customer_interruptions), 0)
      from unnest(array['all', 'normal', 'major']) as p (days)
      left join day d on p.days = 'all' or d.major = (p.days = 'major')
     group by p.days
$$;

-- Where every window stands against its targets (settings target_month_asai, target_rolling_year_saidi_minutes, …).
--   Minutes are customer minutes. What goes on is spent too: that supply is gone. burn_rate is 1 where the budget will just
--   last. forecast: the index at window_to at the rate of the window so far. A rolling year of which less is known is
--   taken as the year that begins where observation began.
create function target_state(at timestamptz default now())
returns table (
    span text, index text, target double precision, window_from timestamptz, window_to timestamptz, served bigint,
    budget_minutes double precision, spent_minutes double precision, open_minutes double precision,
    left_minutes double precision, spent_share double precision, elapsed_share double precision,
    burn_rate double precision, forecast_minutes double precision, forecast double precision, state text)
language sql stable rows 6 set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off set enable_mergejoin = off as $$
    with wanted as (
        select p[1] as span, p[2] as index, s.number as target
          from setting s, regexp_match(s.name, '^target_(month|year|rolling_year)_(asai|saidi)(?:_minutes)?$') as p
         where s.number is not null and p is not null
    ), zone as (
        select coalesce(setting_text('time_zone'), 'UTC') as name
    ), window_ as (
        select w.span, b.start, least(greatest(b.start, observed_since()), at) as low, z.name as zone
          from zone z, (select distinct w.span from wanted w) w,
               lateral (select case w.span when 'rolling_year' then date_subtract(at, interval '1 year', z.name)
                                           else date_trunc(w.span, at, z.name) end as start) b
    ), so_far as materialized (
        select w.span, served_customers() as served, w.low as window_from,
               coalesce(j.spent, 0)::double precision / 60e6 as customer_minutes,
               coalesce(j.open, 0)::double precision / 60e6 as open_customer_minutes,
               case w.span when 'rolling_year' then date_add(w.low, interval '1 year', w.zone)
                           else date_add(w.start, ('1 ' || w.span)::interval, w.zone) end as window_to
          from window_ w,
               lateral (select sum(j.customers * j.micros) filter (where not j.going_on) as spent,
                               sum(j.customers * j.micros) filter (where j.going_on) as open
                          from judged_spell(w.start, at, at) j where j.sustained) j
    ), held as (
        select w.span, w.index, w.target, f.window_from, f.window_to, f.served, f.open_customer_minutes as open,
               f.customer_minutes + f.open_customer_minutes as spent,
               extract(epoch from f.window_to - f.window_from)::double precision / 60 as length,
               extract(epoch from at - f.window_from) / extract(epoch from f.window_to - f.window_from)::double precision as elapsed
          from wanted w join so_far f using (span)
         where f.served > 0 and f.window_to > f.window_from
    ), allowed as (
        select h.*, case h.index when 'asai' then (1 - h.target) * h.length else h.target end * h.served as budget,
               h.spent / nullif(h.elapsed, 0) as ahead
          from held h
    )
    select a.span, a.index, a.target, a.window_from, a.window_to, a.served, a.budget, a.spent, a.open,
           a.budget - a.spent, a.spent / nullif(a.budget, 0), a.elapsed,
           a.spent / nullif(a.budget, 0) / nullif(a.elapsed, 0), a.ahead,
           case a.index when 'asai' then 1 - a.ahead / a.served / a.length else a.ahead / a.served end,
           case when a.spent > a.budget then 'missed' when a.ahead > a.budget then 'at_risk' else 'met' end
      from allowed a
     order by a.span, a.index
$$;

-- Devices whose own clocks were wrong within the last day: a signal dated further than max_clock_error_s from its
-- reception, unless it waited for the gateway; or a reading whose time was impossible (bit 8 of quality).
create index signal_said on signal (received_at) where occurred_at is not null;
create index reading_clock_suspect on reading (measured_at) where quality & 8 <> 0;

create function clock_faults(at timestamptz default now(), within interval default '1 day')
returns table (device_key integer, signals bigint, readings bigint, last_at timestamptz, error_s double precision)
language sql stable set search_path = feederline, pg_temp as $$
    with most as materialized (
        select setting_number('max_clock_error_s') as seconds
    ), said as (
        select s.device_key, count(*) as signals, max(s.received_at) as last_at,
               (array_agg(extract(epoch from s.occurred_at - s.received_at) order by s.received_at desc))[1] as error_s
          from most m, signal s
         where s.device_key is not null and s.occurred_at is not null and s.received_at > at - within and s.received_at <= at
           and s.detail not like 'retained%' and s.detail not like 'redelivered%'
           and abs(extract(epoch from s.occurred_at - s.received_at)) > m.seconds
           and not exists (select from gateway_absence a
                            where s.occurred_at between a.started_at and s.received_at
                              and s.received_at <= a.ended_at + make_interval(secs => m.seconds))
         group by s.device_key
    ), read as (
        select r.device_key, count(*) as readings, max(r.measured_at) as last_at
          from reading r
         where r.quality & 8 <> 0 and r.measured_at > at - within and r.measured_at <= at
         group by r.device_key
    )
    select device_key, coalesce(s.signals, 0), coalesce(r.readings, 0), greatest(s.last_at, r.last_at), s.error_s
      from said s full join read r using (device_key)
$$;

create view clock_fault as select * from clock_faults();
