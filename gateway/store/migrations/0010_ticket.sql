-- Tickets that people and service systems drive, what drives them, and messages that are about more than one ticket.

alter table incident
    add column confirmed_by text not null default '',
    add column ended_by     text not null default '',
    add column ended_reason text not null default '',
    add column drill        text not null default '',
    add column held_from    timestamptz,
    add column relapsed_at  timestamptz;
comment on column incident.confirmed_by is 'The person who said that it is real.';
comment on column incident.ended_by is 'The person who withdrew it or said that it is part of another one; empty where the detector ended it.';
comment on column incident.drill is 'The exercise that it belongs to; empty for what is real. Exercises have no interruptions.';
comment on column incident.held_from is 'Since when it is off again after a short restoration: the hold-off of its ticket counts from then.';
comment on column incident.relapsed_at is 'When it was last found off again after supply had been back.';

drop index incident_one_open;
create unique index incident_one_open on incident (kind, node_id, phases)
    where state = 'open' and kind in ('outage', 'phase_loss') and drill = '';

create index incident_parent on incident (parent) where parent <> '';
create index incident_drill on incident (drill) where drill <> '';

create table instruction (
    instruction_id text primary key,
    incident_id    text not null,
    word           text not null check (word in ('confirm', 'cancel', 'merge', 'split')),
    other          text not null default '',
    node_id        text not null default '',
    made_by        text not null check (made_by <> ''),
    reason         text not null default '',
    received_at    timestamptz not null
);
create index instruction_incident on instruction (incident_id, received_at);
create index instruction_other on instruction (other) where other <> '';
comment on table instruction is 'What people told the gateway to make of incidents. Append-only: nobody may change or delete a row.';
comment on column instruction.other is 'The incident that it is part of, where two are merged.';
comment on column instruction.node_id is 'Whose members are to be an incident of their own, where one is split.';

create table drill (
    drill_id    text not null,
    node_id     text not null,
    starts_at   timestamptz not null,
    ends_at     timestamptz not null check (ends_at > starts_at),
    made_by     text not null check (made_by <> ''),
    reason      text not null default '',
    received_at timestamptz not null,
    primary key (drill_id, ends_at)
);
create index drill_started on drill (starts_at desc);
comment on table drill is 'Exercises, with a further row for an earlier end. Append-only: nobody may change or delete a row.';
create view drill_now as
select distinct on (drill_id) * from drill order by drill_id, ends_at;
comment on view drill_now is 'Each exercise with the end that holds: the earliest that was ever said.';

alter table ticket
    add column area                     text not null default '',
    add column drill                    text not null default '',
    add column clocks_from              timestamptz,
    add column acknowledged_at          timestamptz,
    add column dispatched_at            timestamptz,
    add column arrived_at               timestamptz,
    add column restored_at              timestamptz,
    add column restoration_estimated_at timestamptz,
    add column crew                     text not null default '',
    add column cause                    text not null default '',
    add column ended_by                 text not null default '',
    add column told                     text[] not null default '{}',
    add column warned                   text[] not null default '{}';
update ticket set told = (select coalesce(array_agg(distinct d.target order by d.target), '{}')
                            from delivery d where d.ticket_id = ticket.ticket_id),
                  clocks_from = opened_at;
create index ticket_standing on ticket (opened_at) where state not in ('closed', 'merged', 'cancelled');
create index ticket_ended on ticket (closed_at) where closed_at is not null;
comment on column ticket.area is 'urban, rural or remote: which limits its clocks have.';
comment on column ticket.clocks_from is 'Since when its clocks run: its opening, or the last reopening.';
comment on column ticket.restoration_estimated_at is 'For when people were promised their supply back.';
comment on column ticket.cause is 'As those on site found it.';
comment on column ticket.ended_by is 'On whose word it is over: that of who restored, closed or cancelled it, or the detector''s where supply was back by then; empty while it goes on.';
comment on column ticket.told is 'Targets that know of it, and so hear of it to its end.';
comment on column ticket.warned is 'Clocks that were warned of (arrival) and that ran out (arrival!).';

create function is_late(of ticket) returns boolean
language sql stable as $$
    select of.restored_at is null and of.closed_at is null and (
               of.warned @> '{restoration!}'
               or of.warned && '{arrival!,arrival_limit!}' and of.arrived_at is null
               or of.warned @> '{response!}' and coalesce(of.acknowledged_at, of.dispatched_at, of.arrived_at) is null)
$$;
comment on function is_late is 'Whether a clock of the ticket ran out, and what it limits has not been done since.';

create function nodes_below(tops text[]) returns setof text
language sql stable as $$
    with recursive under as (
        select unnest(tops) as node_id
        union
        select n.node_id
          from under u join node p using (node_id) join node n on n.parent_key = p.node_key
         where n.listed
    )
    select node_id from under
$$;
comment on function nodes_below is 'These nodes and all that are listed below them.';

alter table ticket_transition
    add column origin text not null default '',
    add column detail jsonb not null default '{}';
comment on column ticket_transition.origin is 'From where: detector, clock, api, page, incident (what a person said of that), callback and its target.';
comment on column ticket_transition.detail is 'What the action records: crew, cause, estimated restoration.';

create table ticket_link (
    ticket_id text not null references ticket (ticket_id),
    other_id  text not null references ticket (ticket_id),
    kind      text not null check (kind in ('merged_into', 'split_from')),
    at        timestamptz not null,
    primary key (ticket_id, other_id, kind),
    check (ticket_id <> other_id)
);
create index ticket_link_other on ticket_link (other_id);
comment on table ticket_link is 'Tickets that belong together because their incidents do. Append-only.';

create table ticket_reference (
    ticket_id text not null references ticket (ticket_id),
    target    text not null,
    reference text not null,
    primary key (ticket_id, target)
);
create index ticket_reference_reference on ticket_reference (reference, target);
comment on table ticket_reference is 'What a target itself calls the ticket.';

create table storm (
    storm_id  text primary key,
    began_at  timestamptz not null,
    summaries integer not null default 0,
    told_at   timestamptz,
    ended_at  timestamptz
);
create unique index storm_one on storm ((true)) where ended_at is null;
comment on table storm is 'Times of so many tickets that targets were sent summaries.';

-- A message is about a ticket, or about many (a storm), or about the sending itself (an alarm).
alter table delivery add column subject text;
update delivery set subject = ticket_id;
alter table delivery
    alter column subject set not null,
    alter column ticket_id drop not null,
    add column replayed_at timestamptz,
    add column replayed_by text not null default '',
    add column attempts_before integer not null default 0;
alter table delivery drop constraint delivery_ticket_id_revision_target_key;
create unique index delivery_once on delivery (subject, revision, target);
drop index delivery_order;
drop index delivery_pending;
create index delivery_order on delivery (subject, target, revision) where state = 'pending';
create index delivery_due on delivery (target, next_at, created_at, delivery_id) where state = 'pending';
create index delivery_time on delivery (created_at desc, delivery_id);
create index delivery_dead on delivery (target, created_at) where state = 'dead';
create index delivery_waiting on delivery (target, created_at) where state = 'pending';
create index delivery_through on delivery (target, delivered_at) where state = 'delivered';
comment on column delivery.attempts_before is 'Tries of before it was last replayed: after that they come fast again at first.';
comment on column delivery.subject is 'Messages of one subject reach a target in the order of revision: a ticket''s id, a storm''s, an alarm''s.';

create table webhook_target (
    target      text primary key,
    disabled_at timestamptz,
    reason      text not null default '',
    late_since  timestamptz,
    changed_at  timestamptz not null,
    changed_by  text not null
);
comment on table webhook_target is 'What is remembered of targets across restarts.';
comment on column webhook_target.disabled_at is 'Since it answered 410 Gone or a person disabled it; null while it is sent to.';
comment on column webhook_target.late_since is 'Since when the alarm stands that its messages do not get through.';

create table callback (
    target      text not null,
    message_id  text not null,
    received_at timestamptz not null,
    status      integer not null,
    answer      jsonb not null,
    primary key (target, message_id)
);
create index callback_time on callback (received_at);
comment on table callback is 'What service systems called back with: the same message id again gets the same answer and has no second effect.';

create trigger append_only before update or delete or truncate on ticket_transition
    for each statement execute function refuse_rewriting();
create trigger append_only before update or delete or truncate on ticket_link
    for each statement execute function refuse_rewriting();
create trigger append_only before update or delete or truncate on instruction
    for each statement execute function refuse_rewriting();
create trigger append_only before update or delete or truncate on drill
    for each statement execute function refuse_rewriting();

-- Whoever watches hears of a change when it is there to be read. The payload is small: what, which, where. A server
-- refuses payloads of 8000 bytes or more: of names that long only the kind is told.
create function tell_of_change() returns trigger
language plpgsql as $$
declare
    id   text;
    told text;
begin
    if tg_table_name = 'incident' then
        id := new.incident_id;
    else
        id := new.ticket_id;
    end if;
    told := json_build_object('what', tg_table_name, 'id', id, 'revision', new.revision, 'node', new.node_id);
    if octet_length(told) > 4000 then
        told := json_build_object('what', tg_table_name, 'id', '', 'revision', new.revision, 'node', '');
    end if;
    perform pg_notify('feederline_change', told);
    return null;
end $$;
create trigger told after insert on incident for each row execute function tell_of_change();
create trigger told after insert on ticket for each row execute function tell_of_change();
create trigger told_again after update on incident for each row
    when (old.revision <> new.revision) execute function tell_of_change();
create trigger told_again after update on ticket for each row
    when (old.revision <> new.revision) execute function tell_of_change();
