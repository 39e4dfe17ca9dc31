-- The operator's word over the detector's, and the spells without supply that follow from both, kept as they close.

create table correction (
    correction_id bigint generated always as identity primary key,
    incident_id   text not null references incident (incident_id),
    device_key    integer,
    step          integer check (step is null or device_key is not null),
    started_at    timestamptz,
    ended_at      timestamptz,
    voided        boolean,
    kind          text check (kind in ('fault', 'planned')),
    cause         text,
    as_detected   boolean not null default false,
    made_at       timestamptz not null,
    made_by       text not null check (made_by <> ''),
    reason        text not null check (reason <> '')
);
create index correction_incident on correction (incident_id);
comment on table correction is 'What operators said of interruptions, and why. Append-only: nobody may change or delete a row.';
comment on column correction.device_key is 'Whose interruptions are meant; null for every member of the incident, those that join later too.';
comment on column correction.step is 'Which of the device''s interruptions; null for all (a start: the first, an end: the last).';
comment on column correction.as_detected is 'Takes back what was said before: the detector''s word holds again.';

create table correction_effect (
    correction_id  bigint not null references correction (correction_id),
    device_key     integer not null,
    step           integer not null,
    was_started_at timestamptz not null,
    was_ended_at   timestamptz,
    was_kind       text not null,
    was_voided     boolean not null,
    started_at     timestamptz not null,
    ended_at       timestamptz,
    kind           text not null,
    voided         boolean not null,
    primary key (correction_id, device_key, step)
);
comment on table correction_effect is 'What a correction changed: each interruption before (was_…) and after. Append-only.';

create function refuse_rewriting() returns trigger
language plpgsql as $$
begin
    raise exception 'table % is append-only: a % is refused', tg_table_name, lower(tg_op)
        using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete or truncate on correction
    for each statement execute function refuse_rewriting();
create trigger append_only before update or delete or truncate on correction_effect
    for each statement execute function refuse_rewriting();

create table operator_word (
    incident_id text not null,
    device_key  integer not null,
    step        integer not null,
    started_at  timestamptz,
    ended_at    timestamptz,
    voided      boolean,
    kind        text,
    cause       text,
    primary key (incident_id, device_key, step)
);
comment on table operator_word is 'What holds of the corrections of each interruption; null where the detector''s word holds.';

-- Every interruption as it is to be accounted for: the operator''s word where there is one, else the detector''s.
create view effective_interruption as
select i.incident_id, i.device_key, i.step, coalesce(w.kind, i.kind) as kind, i.state,
       coalesce(w.started_at, i.started_at) as started_at, coalesce(w.ended_at, i.ended_at) as ended_at,
       i.customers, coalesce(w.voided, false) as voided, coalesce(w.cause, '') as cause,
       w.incident_id is not null as corrected
  from interruption i
  left join operator_word w using (incident_id, device_key, step);

-- What goes on: nobody said that it ended, its device is still listed, and no other incident carries it on.
create view open_interruption as
select i.incident_id, i.device_key, i.step, coalesce(w.kind, i.kind) as kind, i.state,
       coalesce(w.started_at, i.started_at) as started_at, i.customers
  from interruption i
  join incident n using (incident_id)
  left join operator_word w using (incident_id, device_key, step)
  left join device d using (device_key)
 where i.ended_at is null and w.ended_at is null and w.voided is not true
   and n.state not in ('cancelled', 'merged') and d.unlisted_at is null;

-- Interruptions that count. A cancelled incident was never one, nor what an operator voided. What a merged incident
-- left open is carried on by the incident that absorbed it. Of a device that was taken off the list nobody hears the
-- end: it ends there.
create or replace view counted_interruption as
select e.incident_id, e.device_key, e.step, e.kind, e.state, e.started_at,
       greatest(coalesce(e.ended_at, d.unlisted_at), e.started_at) as ended_at, e.customers
  from effective_interruption e
  join incident n using (incident_id)
  left join device d using (device_key)
 where not e.voided and n.state <> 'cancelled'
   and (e.ended_at is not null or (n.state <> 'merged' and d.unlisted_at is not null))
union all
select incident_id, device_key, step, kind, state, started_at, null, customers from open_interruption;

-- Spells that have ended: overlapping and adjoining interruptions of one metering point, whatever incidents they
-- belong to, are one. Kept by triggers in the transaction that changes what they follow from.
create table spell (
    device_key integer not null,
    of         text not null check (of in ('all', 'fault', 'planned', 'unknown')),
    started_at timestamptz not null,
    ended_at   timestamptz not null check (ended_at > started_at),
    customers  integer not null,
    event      text not null,
    primary key (device_key, of, started_at)
);
create index spell_started on spell (of, started_at) include (ended_at, device_key, customers);
create index spell_ended on spell (of, ended_at);
comment on table spell is 'Ended stretches without supply (all, fault, planned) or of unknown supply, of one metering point each.';
comment on column spell.event is 'The incident that its earliest interruption belongs to.';

create function spells_of(state text, kind text) returns text[]
language sql immutable as $$
    select case state when 'off' then array['all', kind] else array['unknown'] end
$$;

-- Make the spells around these stretches anew: element i of each array says that something of device i changed
-- within [low, high] that concerns its spells `of`.
create function restate(ofs text[], devices integer[], lows timestamptz[], highs timestamptz[]) returns void
language plpgsql security definer set search_path = feederline, pg_temp set work_mem = '64MB' set jit = off as $$
declare
    met boolean;
begin
    if ofs is null then
        return;
    end if;
    -- The gateway and an operator may change the same spell: whoever comes second sees what the first one did.
    perform pg_advisory_xact_lock(hashtext('feederline.spells'));
    -- Spells that a stretch touches are made anew whole; as they are as long as can be, they touch no further ones.
    select array_agg(r.of), array_agg(r.device_key), array_agg(r.low), array_agg(r.high), bool_or(r.met)
      into ofs, devices, lows, highs, met
      from (select t.of, t.device_key, least(t.low, min(s.started_at)) as low, greatest(t.high, max(s.ended_at)) as high,
                   count(s.of) > 0 as met
              from (select c.of, c.device_key, min(c.low) as low, max(c.high) as high
                      from unnest(ofs, devices, lows, highs) as c (of, device_key, low, high)
                     group by c.of, c.device_key) t
              left join spell s on s.device_key = t.device_key and s.of = t.of
                               and s.started_at <= t.high and s.ended_at >= t.low
             group by t.of, t.device_key, t.low, t.high) r;
    if met then
        delete from spell s
         using unnest(ofs, devices, lows, highs) as t (of, device_key, low, high)
         where s.device_key = t.device_key and s.of = t.of and s.started_at <= t.high and s.ended_at >= t.low;
    end if;
    insert into spell (device_key, of, started_at, ended_at, customers, event)
    with piece as (
        select t.of, p.device_key, p.started_at, p.ended_at, p.customers, p.incident_id collate "C" as incident_id
          from unnest(ofs, devices, lows, highs) as t (of, device_key, low, high)
          join counted_interruption p on p.device_key = t.device_key and t.of = any(spells_of(p.state, p.kind))
                                     and p.started_at <= t.high and p.ended_at >= t.low and p.ended_at > p.started_at
    ), marked as (
        select p.*, coalesce(p.started_at > max(p.ended_at) over before, true) as first
          from piece p
        window before as (partition by p.of, p.device_key order by p.started_at, p.incident_id
                          rows between unbounded preceding and 1 preceding)
    ), numbered as (
        select m.*, count(*) filter (where m.first) over (partition by m.of, m.device_key
                                                          order by m.started_at, m.incident_id
                                                          rows unbounded preceding) as number
          from marked m
    )
    select n.device_key, n.of, min(n.started_at), max(n.ended_at), max(n.customers),
           max(n.incident_id) filter (where n.first)
      from numbered n
     group by n.device_key, n.of, n.number;
end $$;

-- What operators said of a whole incident or device holds for interruptions that are told later.
create function interruption_told() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    insert into operator_word (incident_id, device_key, step, voided, kind, cause)
    select n.incident_id, n.device_key, n.step,
           (array_agg(c.voided order by c.correction_id desc) filter (where c.voided is not null))[1],
           (array_agg(c.kind order by c.correction_id desc) filter (where c.kind is not null))[1],
           (array_agg(c.cause order by c.correction_id desc) filter (where c.cause is not null))[1]
      from told n
      join correction c on c.incident_id = n.incident_id and c.step is null
                       and (c.device_key is null or c.device_key = n.device_key)
     where not exists (select from correction b
                        where b.incident_id = c.incident_id and b.as_detected and b.step is null
                          and (b.device_key is null or b.device_key = n.device_key)
                          and b.correction_id >= c.correction_id)
       and (c.voided is not null or c.kind is not null or c.cause is not null)
     group by n.incident_id, n.device_key, n.step
        on conflict do nothing;
    perform restate(array_agg(s.of), array_agg(e.device_key), array_agg(e.started_at), array_agg(e.ended_at))
       from told n
       join effective_interruption e using (incident_id, device_key, step), unnest(spells_of(e.state, e.kind)) as s (of)
      where e.ended_at is not null;
    return null;
end $$;
create trigger interruption_told after insert on interruption
    referencing new table as told for each statement execute function interruption_told();

create function interruption_retold() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    perform restate(array_agg(s.of), array_agg(v.device_key), array_agg(v.started_at), array_agg(v.ended_at))
       from (select r.device_key, r.state, coalesce(w.kind, r.kind) as kind,
                    coalesce(w.started_at, r.started_at) as started_at, coalesce(w.ended_at, r.ended_at) as ended_at
               from (select * from before union all select * from told) r
               left join operator_word w using (incident_id, device_key, step)) v,
            unnest(spells_of(v.state, v.kind)) as s (of)
      where v.ended_at is not null;
    return null;
end $$;
create trigger interruption_retold after update on interruption
    referencing old table as before new table as told for each statement execute function interruption_retold();

-- An incident that is cancelled takes its interruptions out of the account.
create function incident_turned() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    perform restate(array_agg(s.of), array_agg(e.device_key), array_agg(e.started_at), array_agg(e.until))
       from (select i.device_key, i.state, i.kind, i.started_at, coalesce(i.ended_at, d.unlisted_at) as until
               from before b
               join told t using (incident_id)
               join effective_interruption i using (incident_id)
               left join device d using (device_key)
              where b.state is distinct from t.state
                and (b.state in ('cancelled', 'merged') or t.state in ('cancelled', 'merged'))) e,
            unnest(spells_of(e.state, e.kind)) as s (of)
      where e.until is not null;
    return null;
end $$;
create trigger incident_turned after update on incident
    referencing old table as before new table as told for each statement execute function incident_turned();

-- What nobody ended ends where its device was taken off the list.
create function device_unlisted() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    perform restate(array_agg(s.of), array_agg(e.device_key), array_agg(e.started_at), array_agg(e.until))
       from (select i.device_key, i.state, i.kind, i.started_at,
                    greatest(b.unlisted_at, t.unlisted_at, i.started_at) as until
               from before b
               join told t using (device_key)
               join effective_interruption i using (device_key)
              where b.unlisted_at is distinct from t.unlisted_at and i.ended_at is null) e,
            unnest(spells_of(e.state, e.kind)) as s (of);
    return null;
end $$;
create trigger device_unlisted after update on device
    referencing old table as before new table as told for each statement execute function device_unlisted();

-- What happened before there was this table.
select restate(array_agg(s.of), array_agg(c.device_key), array_agg(c.started_at), array_agg(c.ended_at))
  from counted_interruption c, unnest(spells_of(c.state, c.kind)) as s (of)
 where c.ended_at is not null;

-- Correct the interruptions of an incident, or of one of its devices, or one of them; returns the correction's number.
--   A start holds for the first interruption of each member; an end, of a device, for its last one; of an incident, for
--   whoever was still off then, or came back with the last. Errors have the code FL001 and say what is wrong.
create function correct_interruption(
    of_incident text, of_device text, only_step integer, starts timestamptz, ends timestamptz, void boolean, new_kind text,
    new_cause text, take_back boolean, by_whom text, because text, at timestamptz)
returns bigint
language plpgsql security definer set search_path = feederline, pg_temp as $$
#variable_conflict use_column
declare
    number bigint;
    key    integer;
    wrong  text;
begin
    perform from incident where incident_id = of_incident for key share;
    if not found then
        raise exception 'there is no incident %', of_incident using errcode = 'FL001';
    end if;
    perform pg_advisory_xact_lock(hashtext('feederline.spells'));
    if of_device is not null then
        select device_key into key from device where device_id = of_device;
        if not exists (select from interruption i where i.incident_id = of_incident and i.device_key = key) then
            raise exception 'device %: has no interruption in incident %', of_device, of_incident using errcode = 'FL001';
        end if;
    end if;
    insert into correction (incident_id, device_key, step, started_at, ended_at, voided, kind, cause, as_detected,
                            made_at, made_by, reason)
    values (of_incident, key, only_step, starts, ends, void, new_kind, new_cause, take_back, at, by_whom, because)
    returning correction_id into number;

    insert into correction_effect (correction_id, device_key, step, was_started_at, was_ended_at, was_kind, was_voided,
                                   started_at, ended_at, kind, voided)
    with meant as (
        select e.*, i.started_at as told_start, i.ended_at as told_end, i.kind as told_kind,
               row_number() over (partition by e.device_key order by e.step) = 1 as first,
               row_number() over (partition by e.device_key order by e.step desc) = 1 as last,
               max(e.ended_at) over () - make_interval(secs => setting_number('sustained_threshold_s')) as late
          from effective_interruption e
          join interruption i using (incident_id, device_key, step)
         where e.incident_id = of_incident and (key is null or e.device_key = key)
           and (only_step is null or e.step = only_step)
    ), touched as (
        select m.*, starts is not null and m.first as starts_then,
               ends is not null and case when key is not null then m.last
                                         else m.ended_at is null or m.ended_at > ends or m.ended_at >= m.late
                                    end as ends_then
          from meant m
    )
    select number, t.device_key, t.step, t.started_at, t.ended_at, t.kind, t.voided,
           case when take_back then t.told_start when t.starts_then then starts else t.started_at end,
           case when take_back then t.told_end when t.ends_then then ends else t.ended_at end,
           case when take_back then t.told_kind else coalesce(new_kind, t.kind) end,
           not take_back and coalesce(void, t.voided)
      from touched t
     where t.starts_then or t.ends_then or take_back or coalesce(void::text, new_kind, new_cause) is not null;
    if not found then
        raise exception 'incident %: has no such interruption', of_incident using errcode = 'FL001';
    end if;
    select format('device %s: its interruption %s would end at %s, before it starts at %s',
                  coalesce(d.device_id, f.device_key::text), f.step,
                  to_char(f.ended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                  to_char(f.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
      into wrong
      from correction_effect f left join device d using (device_key)
     where f.correction_id = number and f.ended_at < f.started_at
     order by f.device_key, f.step limit 1;
    if found then
        raise exception '%', wrong using errcode = 'FL001';
    end if;

    if take_back then
        delete from operator_word w
         using correction_effect f
         where f.correction_id = number
           and (w.incident_id, w.device_key, w.step) = (of_incident, f.device_key, f.step);
    else
        insert into operator_word as w (incident_id, device_key, step, started_at, ended_at, voided, kind, cause)
        select of_incident, f.device_key, f.step,
               case when f.started_at = starts then starts end, case when f.ended_at = ends then ends end,
               void, new_kind, new_cause
          from correction_effect f
         where f.correction_id = number
            on conflict (incident_id, device_key, step) do update
           set started_at = coalesce(excluded.started_at, w.started_at),
               ended_at = coalesce(excluded.ended_at, w.ended_at), voided = coalesce(excluded.voided, w.voided),
               kind = coalesce(excluded.kind, w.kind), cause = coalesce(excluded.cause, w.cause);
    end if;
    perform restate(array_agg(s.of), array_agg(f.device_key), array_agg(f.start), array_agg(f.until))
       from (select f.device_key, i.state, v.*
               from correction_effect f
               join interruption i on (i.incident_id, i.device_key, i.step) = (of_incident, f.device_key, f.step)
               left join device d on d.device_key = f.device_key,
                    lateral (values (f.was_kind, f.was_started_at, coalesce(f.was_ended_at, d.unlisted_at)),
                                    (f.kind, f.started_at, coalesce(f.ended_at, d.unlisted_at))) as v (kind, start, until)
              where f.correction_id = number) f,
            unnest(spells_of(f.state, f.kind)) as s (of)
      where f.until is not null;
    return number;
end $$;

revoke execute on function restate, correct_interruption, interruption_told, interruption_retold, incident_turned,
    device_unlisted from public;

-- Listed metering points whose supply is not known to be on; off wins over unknown, then the earliest.
create or replace view without_supply_now as
select distinct on (o.device_key) o.device_key, o.state, o.started_at as since, o.incident_id, d.customers
  from open_interruption o
  join device d using (device_key)
 where d.listed
 order by o.device_key, o.state, o.started_at;
