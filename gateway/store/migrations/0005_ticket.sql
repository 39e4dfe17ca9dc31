-- Work orders, every step of their lives, and the messages about them.

create sequence ticket_number;

create table ticket (
    ticket_id   text primary key,
    number      bigint not null unique,
    incident_id text not null unique references incident (incident_id),
    state       text not null check (state in ('predicted', 'confirmed', 'dispatched', 'on_site', 'estimated',
                  'restored', 'closed', 'merged', 'cancelled', 'reopened')),
    severity    integer not null check (severity between 1 and 3),
    node_id     text not null,
    title       text not null,
    customers   integer not null,
    opened_at   timestamptz not null,
    updated_at  timestamptz not null,
    closed_at   timestamptz,
    started_at  timestamptz,
    incident_revision integer not null default 0,
    revision    integer not null,
    look_again_at timestamptz
);
create index ticket_opened on ticket (opened_at desc, number);
create index ticket_look_again on ticket (look_again_at) where look_again_at is not null;
comment on column ticket.started_at is 'Start of the incident as the targets were last told.';
comment on column ticket.incident_revision is 'Up to which revision the incident has been followed.';
comment on column ticket.look_again_at is 'When its incident is looked at again, because a change of it came too soon after another; null for not before it changes.';
comment on table ticket is 'The work order that follows an incident: at most one per incident.';

create table ticket_transition (
    ticket_id  text not null references ticket (ticket_id),
    revision   integer not null,
    at         timestamptz not null,
    action     text not null,
    from_state text,
    to_state   text not null,
    actor      text not null,
    reason     text not null,
    primary key (ticket_id, revision)
);
comment on table ticket_transition is 'Append-only: no application role may change or delete a row.';

create table delivery (
    delivery_id   text primary key,
    ticket_id     text not null references ticket (ticket_id),
    revision      integer not null,
    target        text not null,
    content_type  text not null,
    body          bytea not null,
    state         text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts      integer not null default 0,
    next_at       timestamptz not null,
    claimed_by    text,
    claimed_until timestamptz,
    status        integer,
    last_error    text,
    created_at    timestamptz not null,
    delivered_at  timestamptz,
    unique (ticket_id, revision, target)
);
create index delivery_pending on delivery (next_at) where state = 'pending';
create index delivery_order on delivery (ticket_id, target, revision) where state = 'pending';
comment on table delivery is 'The outbox: one webhook message about one transition for one target. delivery_id is the webhook-id, the same on every try.';
