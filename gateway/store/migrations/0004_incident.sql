-- What detectors conclude: incidents with their members, and who was without supply from when to when.

create table incident (
    incident_id   text primary key,
    kind          text not null check (kind in ('outage', 'phase_loss', 'momentary', 'planned_outage',
                    'communications_loss', 'power_quality', 'usage_anomaly')),
    node_id       text not null,
    phases        text not null,
    state         text not null check (state in ('open', 'restored', 'closed', 'cancelled', 'merged')),
    started_at    timestamptz not null,
    detected_at   timestamptz not null,
    restored_at   timestamptz,
    ended_at      timestamptz,
    customers     integer not null,
    parent        text not null default '',
    confidence    double precision not null,
    direct        boolean not null,
    summary       text not null,
    evidence      jsonb not null default '{}',
    revision      integer not null,
    ticket_due_at timestamptz
);
comment on table incident is 'An open-ended story with a cause node and members; the row is its latest revision.';
comment on column incident.ticket_due_at is 'When a ticket is opened if the incident is still open then and has none; null for never.';

-- A place cannot lose its supply twice at once. A restored incident that still waits for its verification does
-- not stand in the way of the next one at the same place.
create unique index incident_one_open on incident (kind, node_id, phases)
    where state = 'open' and kind in ('outage', 'phase_loss');
create index incident_live on incident (started_at desc) where state in ('open', 'restored');
create index incident_time on incident (started_at desc, incident_id);
create index incident_due on incident (ticket_due_at) where ticket_due_at is not null;

create table incident_device (
    incident_id text not null references incident (incident_id) on delete cascade,
    device_key  integer not null,
    primary key (incident_id, device_key)
);
create index incident_device_device on incident_device (device_key);

create table interruption (
    incident_id text not null references incident (incident_id) on delete cascade,
    device_key  integer not null,
    step        integer not null,
    kind        text not null check (kind in ('fault', 'planned')),
    state       text not null check (state in ('off', 'unknown')),
    started_at  timestamptz not null,
    ended_at    timestamptz check (ended_at >= started_at),
    customers   integer not null,
    primary key (incident_id, device_key, step)
);
create index interruption_device on interruption (device_key, started_at);
create index interruption_started on interruption (started_at);
create index interruption_ended on interruption (ended_at);
create index interruption_open on interruption (device_key) where ended_at is null;
comment on table interruption is 'One metering point''s time off (or unknown) within an incident; step counts re-interruptions from 0.';
comment on column interruption.customers is 'Customers of the metering point when the interruption was first written.';
