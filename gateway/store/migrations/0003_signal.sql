-- What devices and the field side say, and what could not be understood.

create table signal (
    signal_key  bigint generated always as identity primary key,
    kind        text not null,
    device_key  integer,
    occurred_at timestamptz,
    reported_at timestamptz,
    received_at timestamptz not null,
    source      text not null default '',
    detail      text not null default ''
);
comment on table signal is 'Last gasps, restore messages, polls without answer, lost connections. device_key is null for the gateway itself.';
comment on column signal.occurred_at is 'By the device''s own account.';
comment on column signal.reported_at is 'When the device says it sent this.';

-- A message that the broker delivers again carries the same times of its own but arrives later; one without
-- times of its own can be recognised by its time of reception only.
create unique index signal_said_once on signal (device_key, kind, occurred_at, reported_at, md5(detail))
    nulls not distinct where occurred_at is not null or reported_at is not null;
create unique index signal_heard_once on signal (device_key, kind, received_at, source, md5(detail))
    nulls not distinct where occurred_at is null and reported_at is null;
create index signal_time on signal (received_at desc);
create index signal_gateway on signal (kind, received_at) where device_key is null;

create table rejected_value (
    device_key  integer not null,
    measured_at timestamptz not null,
    quantity    text not null,
    raw         text not null,
    reason      text not null,
    primary key (device_key, measured_at, quantity)
);
create index rejected_value_time on rejected_value (measured_at desc);
comment on table rejected_value is 'Values that are no values, as they came: hex of the registers or text of the payload.';

create table dead_letter (
    dead_letter_key bigint generated always as identity primary key,
    received_at     timestamptz not null,
    source          text not null,
    topic           text not null,
    payload         bytea not null,
    reason          text not null
);
create unique index dead_letter_once on dead_letter (received_at, source, md5(topic), md5(payload));
comment on table dead_letter is 'Input that could not be understood, whole, with the reason.';
