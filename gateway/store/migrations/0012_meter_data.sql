-- Energy by interval: what stands, every version before it, what persons said, what was changed of meters, how complete
-- the collection was and what is still to be asked for. Rules, states and quantities in words are those of the program,
-- and a test holds both lists equal.

create function quantity_word(quantity smallint) returns text
language sql immutable parallel safe as $$
    select case quantity when 27 then 'energy_import' when 28 then 'energy_export'
                         when 29 then 'reactive_energy_import' when 30 then 'reactive_energy_export' end
$$;

create function status_word(status smallint) returns text
language sql immutable parallel safe as $$
    select (array['missing', 'estimated', 'suspect', 'valid', 'edited'])[status + 1]
$$;

create function rule_words(rules bigint) returns text[]
language sql immutable parallel safe as $$
    select coalesce(array_agg(w.word order by w.bit), '{}')
      from unnest(array['no_value', 'duplicate', 'unordered', 'future', 'before_installation', 'clock', 'interval_size', 'unit',
                        'multiplier', 'rollover', 'reset', 'exchange', 'reverse', 'missing', 'negative', 'zero_use', 'high',
                        'low', 'spike', 'sum', 'check_meter', 'consecutive_estimates', 'inactive', 'interpolated',
                        'like_days', 'scaled', 'edited', 'late']) with ordinality as w (word, bit)
     where rules >> (w.bit - 1)::integer & 1 = 1
$$;

create table meter_data_progress (
    one             boolean primary key default true check (one),
    reckoning_until timestamptz not null default '-infinity',
    done_until      timestamptz not null default '-infinity',
    final_before    timestamptz not null default '-infinity'
);
insert into meter_data_progress default values;
comment on table meter_data_progress is 'How far the reckoning of intervals is: one row, and no time in it ever goes back.';
comment on column meter_data_progress.reckoning_until is 'Readings for times until then, that come from now on, are marked in late_mark.';
comment on column meter_data_progress.final_before is 'Intervals that end then or earlier are final: only a person changes them.';

create function progress_forward() returns trigger
language plpgsql as $$
begin
    new.reckoning_until := greatest(old.reckoning_until, new.reckoning_until, new.done_until);
    new.done_until := greatest(old.done_until, new.done_until);
    new.final_before := greatest(old.final_before, new.final_before);
    return new;
end $$;
create trigger forward before update on meter_data_progress for each row execute function progress_forward();

create function intervals_final_before() returns timestamptz
language sql stable set search_path = feederline, pg_temp as $$
    select final_before from meter_data_progress
$$;

-- One row per interval, as it stands. Partitioned by months on plain PostgreSQL, a hypertable on TimescaleDB; which of
-- both this database is, the table of readings says.
do $$
declare
    plain boolean := (select relkind = 'p' from pg_class where oid = 'reading'::regclass);
begin
    execute 'create table interval (
        device_key     integer not null,
        quantity       smallint not null check (quantity between 27 and 30),
        status         smallint not null check (status between 0 and 4),
        starts_at      timestamptz not null,
        ends_at        timestamptz not null check (ends_at > starts_at),
        made_at        timestamptz not null,
        rules          bigint not null,
        raw            double precision,
        value          double precision,
        version        integer not null default 1,
        machine_status smallint check (machine_status between 0 and 3),
        machine_value  double precision,
        machine_rules  bigint,
        edit_id        bigint,
        primary key (device_key, quantity, starts_at),
        check ((status = 0) = (value is null)),
        check ((status = 4) = (machine_status is not null)),
        check (status <> 4 or edit_id is not null)
    )' || case when plain then ' partition by range (starts_at)' else '' end;
    if not plain then
        execute $timescale$
            select create_hypertable('interval', 'starts_at', chunk_time_interval => interval '7 days',
                                     create_default_indexes => false);
            alter table interval set (timescaledb.compress, timescaledb.compress_segmentby = 'device_key, quantity',
                                      timescaledb.compress_orderby = 'starts_at');
            select add_compression_policy('interval', compress_after => interval '45 days');
        $timescale$;
    end if;
end $$;
create index interval_time on interval using brin (starts_at);
comment on table interval is 'Energy of one register quantity of a device by interval, as it stands. What stood before is in interval_version.';
comment on column interval.quantity is 'Place in gateway.core.quantities; quantity_word() says it.';
comment on column interval.raw is 'Plain difference of the readings at its ends as they came; null where one lacks.';
comment on column interval.value is 'What is billed; null where it is missing.';
comment on column interval.status is '0 missing, 1 estimated, 2 suspect, 3 valid, 4 edited; status_word() says it.';
comment on column interval.rules is 'Bit flags of gateway.core.meterdata.Rule; rule_words() says them.';
comment on column interval.machine_status is 'What the machine says while a person''s value stands; else null.';
comment on column interval.edit_id is 'The edit that made this version; null where the machine made it.';

-- Make the partitions of these months (any day of each); nothing to do on TimescaleDB.
create function ensure_interval_partitions(months date[]) returns integer
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    first   date;
    name    text;
    created integer := 0;
begin
    if (select relkind <> 'p' from pg_class where oid = 'interval'::regclass) then
        return 0;
    end if;
    for first in select distinct date_trunc('month', m::timestamp)::date from unnest(months) m loop
        name := 'interval_' || to_char(first, 'YYYYMM');
        continue when to_regclass(format('feederline.%I', name)) is not null;
        perform pg_advisory_xact_lock(hashtext('feederline.partitions'));
        execute format('create table if not exists %I partition of interval for values from (%L) to (%L)', name,
                       first::timestamp at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
        created := created + 1;
    end loop;
    return created;
end $$;
revoke execute on function ensure_interval_partitions from public;

create table interval_edit (
    edit_id    bigint generated always as identity primary key,
    device_key integer not null,
    quantity   smallint not null,
    starts_at  timestamptz not null,
    ends_at    timestamptz not null check (ends_at > starts_at),
    value      double precision check (value >= 0 and value < 'Infinity'),
    made_at    timestamptz not null,
    made_by    text not null check (made_by <> ''),
    reason     text not null check (reason <> '')
);
create index interval_edit_device on interval_edit (device_key, starts_at);
create index interval_edit_time on interval_edit (made_at desc, edit_id desc);
comment on table interval_edit is 'What persons said of the energy of a stretch, and why; a null value takes back what was said before. Append-only.';

create table interval_version (
    device_key integer not null,
    quantity   smallint not null,
    starts_at  timestamptz not null,
    version    integer not null,
    ends_at    timestamptz not null,
    made_at    timestamptz not null,
    raw        double precision,
    value      double precision,
    status     smallint not null,
    rules      bigint not null,
    machine_status smallint,
    machine_value  double precision,
    machine_rules  bigint,
    edit_id    bigint,
    primary key (device_key, quantity, starts_at, version)
);
comment on table interval_version is 'Versions of intervals that another took the place of, written by trigger. Append-only.';

create table interval_too_late (
    device_key integer not null,
    quantity   smallint not null,
    starts_at  timestamptz not null,
    made_at    timestamptz not null,
    version    integer not null,
    ends_at    timestamptz not null,
    raw        double precision,
    value      double precision,
    status     smallint not null,
    rules      bigint not null,
    primary key (device_key, quantity, starts_at, made_at)
);
comment on table interval_too_late is 'What readings said of intervals that were final already: on record, and without effect. Append-only.';
comment on column interval_too_late.version is 'The version that stood, and stands.';

-- What must not happen to an interval, and the version that every change leaves behind.
create function interval_changed() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    person boolean := new.edit_id is not null and new.edit_id is distinct from old.edit_id;
    was    smallint := coalesce(old.machine_status, old.status);
    made   smallint := coalesce(new.machine_status, new.status);
    wrong  text;
begin
    if (new.device_key, new.quantity, new.starts_at, new.ends_at)
       is distinct from (old.device_key, old.quantity, old.starts_at, old.ends_at) then
        wrong := 'stays where it is';
    elsif person and not exists (select from interval_edit where edit_id = new.edit_id) then
        wrong := 'was not edited by anybody';
    elsif not person and old.ends_at <= intervals_final_before() then
        wrong := 'is final';
    elsif not person and old.status = 4
          and (new.value, new.status, new.rules) is distinct from (old.value, old.status, old.rules) then
        wrong := 'was edited by a person';
    elsif not person and new.status = 4 and old.status <> 4 then
        wrong := 'is edited by persons only';
    elsif not person and was >= 2 and made < 2 then
        wrong := 'was measured, and an estimate takes the place of nothing measured';
    elsif not person and was = 1 and made = 0 then
        wrong := 'has an estimate already';
    end if;
    if wrong is not null then
        raise exception 'the interval % of device % %', old.starts_at, old.device_key, wrong using errcode = 'check_violation';
    end if;
    insert into interval_version (device_key, quantity, starts_at, version, ends_at, made_at, raw, value, status, rules,
                                  machine_status, machine_value, machine_rules, edit_id)
    values (old.device_key, old.quantity, old.starts_at, old.version, old.ends_at, old.made_at, old.raw, old.value,
            old.status, old.rules, old.machine_status, old.machine_value, old.machine_rules, old.edit_id);
    new.version := old.version + 1;
    if not person and new.status <> 4 then
        new.edit_id := null;
    end if;
    return new;
end $$;
create trigger changed before update on interval for each row execute function interval_changed();

create table meter_change (
    change_id   bigint generated always as identity primary key,
    device_key  integer not null references device (device_key),
    at          timestamptz not null,
    of          text not null check (of in ('exchange', 'multiplier', 'clock', 'reset')),
    before      double precision,
    after       double precision,
    made_by     text not null check (made_by <> ''),
    reason      text not null default '',
    recorded_at timestamptz not null,
    attempt     integer not null default 1 check (attempt > 0),
    unique (device_key, at, of, attempt)
);
comment on table meter_change is 'Exchanges of meters, changes of their ratio, clock or register, as registered. Append-only.';
comment on column meter_change.attempt is 'Of the same kind at the same time: all but the last were withdrawn.';
comment on column meter_change.before is 'Of an exchange or reset the last reading before, of a multiplier ct_ratio × pt_ratio, of a clock seconds.';

create table meter_change_withdrawal (
    change_id   bigint primary key references meter_change (change_id),
    made_by     text not null check (made_by <> ''),
    reason      text not null check (reason <> ''),
    recorded_at timestamptz not null
);
comment on table meter_change_withdrawal is 'Changes of meters that were registered by mistake and hold no more: who says so, and why. Append-only.';

create view meter_change_standing as
select c.* from meter_change c where not exists (select from meter_change_withdrawal w where w.change_id = c.change_id);
comment on view meter_change_standing is 'Changes of meters that nobody withdrew: what intervals are made by.';

create trigger kept before delete or truncate on interval for each statement execute function refuse_rewriting();

do $$
declare
    name text;
begin
    foreach name in array array['interval_edit', 'interval_version', 'interval_too_late', 'meter_change',
                                'meter_change_withdrawal'] loop
        execute format('create trigger append_only before update or delete or truncate on %I '
                       'for each statement execute function refuse_rewriting()', name);
    end loop;
end $$;

create table late_mark (
    mark_id    bigint generated always as identity primary key,
    device_key integer not null,
    first_at   timestamptz not null,
    last_at    timestamptz not null check (last_at >= first_at)
);
comment on table late_mark is 'Stretches for which readings came, or were spoken of, after they were reckoned: to be reckoned anew, then deleted.';

-- Mark a device's intervals from a moment on, of those there are: a change may be dated long before the first one.
create function mark_from(of_device integer, moment timestamptz) returns void
language sql set search_path = feederline, pg_temp as $$
    insert into late_mark (device_key, first_at, last_at)
    select of_device, greatest(moment, f.starts_at), p.reckoning_until
      from meter_data_progress p,
           (select min(i.starts_at) as starts_at
              from unnest('{27,28,29,30}'::smallint[]) as q (quantity)
             cross join lateral (select starts_at from interval
                                  where device_key = of_device and quantity = q.quantity
                                  order by starts_at limit 1) i) f
     where p.reckoning_until > greatest(moment, f.starts_at) and f.starts_at is not null
$$;
revoke execute on function mark_from from public;

-- A number as written in a device list, null where it is none.
create function listed_number(said text) returns double precision
language sql immutable as $$
    select case when said ~ '^\s*[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,2})?\s*$' then said::double precision end
$$;

-- What a new device list says of the meters themselves.
create function device_meter_changed() returns trigger
language plpgsql security definer set search_path = feederline, pg_temp as $$
begin
    insert into meter_change (device_key, at, of, before, after, made_by, reason, recorded_at)
    select c.device_key, now(), 'multiplier', c.was, c.now, 'inventory', 'ct_ratio × pt_ratio of the device list', now()
      from (select device_key,
                   coalesce(listed_number(b.attributes ->> 'ct_ratio'), 1)
                       * coalesce(listed_number(b.attributes ->> 'pt_ratio'), 1) as was,
                   coalesce(listed_number(t.attributes ->> 'ct_ratio'), 1)
                       * coalesce(listed_number(t.attributes ->> 'pt_ratio'), 1) as now
              from before b join told t using (device_key)
             where b.attributes is distinct from t.attributes) c
     where c.was <> c.now
    union all
    select device_key, now(), 'exchange', null, null, 'inventory',
           format('serial %s → %s in the device list', b.attributes ->> 'serial', t.attributes ->> 'serial'), now()
      from before b join told t using (device_key)
     where b.attributes ->> 'serial' <> '' and t.attributes ->> 'serial' <> ''
       and b.attributes ->> 'serial' <> t.attributes ->> 'serial'
    on conflict do nothing;
    return null;
end $$;
create trigger device_meter_changed after update on device
    referencing old table as before new table as told for each statement execute function device_meter_changed();

-- Put a person's value over the intervals of a stretch; returns the edit's number. Errors have the code FL001.
create function edit_interval(
    of_device integer, of_quantity smallint, starts timestamptz, ends timestamptz, new_value double precision,
    by_whom text, because text, at timestamptz)
returns bigint
language plpgsql security definer set search_path = feederline, pg_temp as $$
declare
    found  record;
    number bigint;
begin
    perform pg_advisory_xact_lock(hashtext('feederline.intervals')),
            set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    select count(*) as intervals, min(i.starts_at) as low, max(i.ends_at) as high, sum(i.ends_at - i.starts_at) as length,
           count(*) filter (where i.status = 4) as edited, sum(greatest(i.value, 0)) as total,
           count(*) filter (where i.value is null) as lacking
      into found
      from interval i
     where i.device_key = of_device and i.quantity = of_quantity and i.starts_at < ends
       and i.starts_at > starts - interval '2 days' and i.ends_at > starts;
    if found.intervals = 0 then
        raise exception 'start: there are no intervals of this quantity in that stretch' using errcode = 'FL001';
    elsif found.low <> starts or found.high <> ends or found.length <> ends - starts then
        raise exception 'start: the stretch is not made of whole intervals, one after the other; those there go from % to %',
            to_char(found.low at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            to_char(found.high at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') using errcode = 'FL001';
    elsif new_value is null and found.edited = 0 then
        raise exception 'value: nobody edited that stretch, so there is nothing to take back' using errcode = 'FL001';
    end if;
    insert into interval_edit (device_key, quantity, starts_at, ends_at, value, made_at, made_by, reason)
    values (of_device, of_quantity, starts, ends, new_value, at, by_whom, because) returning edit_id into number;
    if new_value is null then
        update interval i
           set value = i.machine_value, status = i.machine_status, rules = i.machine_rules, made_at = at, edit_id = number,
               machine_value = null, machine_status = null, machine_rules = null
         where i.device_key = of_device and i.quantity = of_quantity and i.starts_at >= starts and i.starts_at < ends
           and i.status = 4;
        insert into late_mark (device_key, first_at, last_at) values (of_device, starts, ends);
    else
        update interval i
           set value = new_value * case when found.total > 0 and found.lacking = 0 then greatest(i.value, 0) / found.total
                                        else date_part('epoch', i.ends_at - i.starts_at) / date_part('epoch', ends - starts) end,
               status = 4, rules = case when i.status = 4 then i.machine_rules else i.rules end | (1 << 26),
               made_at = at, edit_id = number,
               machine_value = case when i.status = 4 then i.machine_value else i.value end,
               machine_status = case when i.status = 4 then i.machine_status else i.status end,
               machine_rules = case when i.status = 4 then i.machine_rules else i.rules end
         where i.device_key = of_device and i.quantity = of_quantity and i.starts_at >= starts and i.starts_at < ends;
    end if;
    return number;
end $$;
revoke execute on function edit_interval from public;

insert into setting (name, value, number) values ('collection_target', '0.998', 0.998) on conflict do nothing;

create table collection_day (
    device_key     integer not null,
    quantity       smallint not null,
    day            timestamptz not null,
    expected       integer not null check (expected >= 0),
    collected      integer not null check (collected between 0 and expected),
    estimated      integer not null,
    missing        integer not null,
    edited         integer not null,
    supply         integer not null,
    device         integer not null,
    communications integer not null,
    gateway        integer not null,
    made_at        timestamptz not null,
    primary key (device_key, quantity, day)
);
create index collection_day_day on collection_day (day);
comment on table collection_day is 'Intervals expected and collected of each device, by local day; kept up as late readings come.';
comment on column collection_day.day is 'When the day begins, in setting time_zone.';
comment on column collection_day.collected is 'Measured, whoever edited them later; estimates never count.';
comment on column collection_day.supply is 'Of those that lack: because the meter was without supply; the next columns likewise by cause.';

create table gap (
    gap_id     bigint generated always as identity primary key,
    device_key integer not null,
    quantity   smallint not null,
    starts_at  timestamptz not null,
    ends_at    timestamptz not null check (ends_at > starts_at),
    cause      text not null check (cause in ('supply', 'device', 'communications', 'gateway')),
    found_at   timestamptz not null,
    asked_at   timestamptz,
    asks       integer not null default 0,
    filled_at  timestamptz,
    intervals  integer not null default 0,
    filled     integer not null default 0,
    unique (device_key, quantity, starts_at)
);
create index gap_open on gap (device_key, quantity) where filled_at is null;
create index gap_time on gap (starts_at desc, gap_id desc);
comment on table gap is 'Stretches whose intervals were expected and not collected, why, and how often they were asked for again.';
comment on column gap.filled is 'How many of its intervals have been measured since.';

-- Collected against expected by group and, where asked, by day; place: all, area, feeder, transformer, concentrator, device.
create function collection_rate(frm timestamptz, till timestamptz, place text default 'all', by_day boolean default false)
returns table (key text, day timestamptz, devices bigint, expected bigint, collected bigint, estimated bigint, missing bigint,
               edited bigint, supply bigint, device bigint, communications bigint, gateway bigint, rate double precision,
               target double precision, met boolean)
language sql stable set search_path = feederline, pg_temp as $$
    with told as (
        select c.device_key, case when by_day then c.day end as day, sum(c.expected) as expected, sum(c.collected) as collected,
               sum(c.estimated) as estimated, sum(c.missing) as missing, sum(c.edited) as edited, sum(c.supply) as supply,
               sum(c.device) as device, sum(c.communications) as communications, sum(c.gateway) as gateway
          from collection_day c
         where c.day >= frm and c.day < till
         group by 1, 2
    ), placed as (
        select t.*, coalesce(case place when 'area' then d.attributes ->> 'area' when 'feeder' then f.node_id
                                        when 'transformer' then n.node_id when 'concentrator' then v.device_id
                                        when 'device' then d.device_id else '' end, '') as key
          from told t
          join device d using (device_key)
          left join node f on f.node_key = d.feeder_key
          left join node n on n.node_key = d.transformer_key
          left join device v on v.device_key = d.via_key
    ), summed as (
        select p.key, p.day, count(*) as devices, sum(p.expected)::bigint as expected, sum(p.collected)::bigint as collected,
               sum(p.estimated)::bigint as estimated, sum(p.missing)::bigint as missing, sum(p.edited)::bigint as edited,
               sum(p.supply)::bigint as supply, sum(p.device)::bigint as device,
               sum(p.communications)::bigint as communications, sum(p.gateway)::bigint as gateway,
               sum(p.collected)::double precision / nullif(sum(p.expected), 0) as rate,
               setting_number('collection_target') as target
          from placed p group by p.key, p.day
    )
    select s.*, s.rate >= s.target from summed s
$$;

-- The last reading of a register at or before a moment, within the day before it.
create function register_reading(of_device integer, of_quantity smallint, at timestamptz)
returns table (measured_at timestamptz, received_at timestamptz, value double precision, quality integer)
language sql stable set search_path = feederline, pg_temp as $$
    select r.measured_at, r.received_at,
           case of_quantity when 27 then r.energy_import when 28 then r.energy_export
                            when 29 then r.reactive_energy_import when 30 then r.reactive_energy_export end, r.quality
      from reading r
     where r.device_key = of_device and r.measured_at <= at and r.measured_at > at - interval '1 day'
       and case of_quantity when 27 then r.energy_import when 28 then r.energy_export
                            when 29 then r.reactive_energy_import when 30 then r.reactive_energy_export end is not null
     order by r.measured_at desc limit 1
$$;

create view interval_raw as
select d.device_id, quantity_word(i.quantity) as quantity, i.starts_at, i.ends_at, i.raw, i.device_key
  from interval i join device d using (device_key);
comment on view interval_raw is 'The plain difference of the readings at the ends of each interval, as they came.';

create view interval_validated as
select d.device_id, quantity_word(i.quantity) as quantity, i.starts_at, i.ends_at, i.raw, i.value,
       status_word(i.status) as status, rule_words(i.rules) as rules, i.version, i.made_at,
       i.ends_at <= p.final_before as final, e.made_by as edited_by, e.reason as edit_reason, i.device_key
  from interval i
 cross join meter_data_progress p
  join device d using (device_key)
  left join interval_edit e on e.edit_id = i.edit_id and i.status = 4;
comment on view interval_validated is 'Every interval as it stands, with what was found of it in words.';

create view interval_history as
select d.device_id, quantity_word(v.quantity) as quantity, v.starts_at, v.ends_at, v.version, v.standing, v.too_late, v.made_at,
       v.raw, v.value, status_word(v.status) as status, rule_words(v.rules) as rules, v.edit_id,
       coalesce(e.made_by, 'machine') as made_by, coalesce(e.reason, '') as reason,
       o.measured_at as opening_at, o.value as opening, c.measured_at as closing_at, c.value as closing,
       v.device_key, v.quantity as quantity_code, v.status as status_code, v.rules as rule_flags
  from (select device_key, quantity, starts_at, ends_at, version, true as standing, false as too_late, made_at, raw, value,
               status, rules, edit_id from interval
        union all
        select device_key, quantity, starts_at, ends_at, version, false, false, made_at, raw, value, status, rules, edit_id
          from interval_version
        union all
        select device_key, quantity, starts_at, ends_at, version, false, true, made_at, raw, value, status, rules, null
          from interval_too_late) v
  join device d using (device_key)
  left join interval_edit e using (edit_id)
  left join lateral register_reading(v.device_key, v.quantity, v.starts_at) o on true
  left join lateral register_reading(v.device_key, v.quantity, v.ends_at) c on true;
comment on view interval_history is 'Every version of every interval, who made it and why, and the readings at its ends (the last at or before each).';
