-- Outages that were announced. Every announcement, change and withdrawal is a row of its own; the latest one holds.

create table planned_outage (
    reference    text not null,
    node_id      text not null,
    revision     integer not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null check (ends_at > starts_at),
    reason       text not null default '',
    announced_by text not null default '',
    withdrawn    boolean not null default false,
    received_at  timestamptz not null,
    primary key (reference, node_id, revision)
);
comment on table planned_outage is 'Append-only: no application role may change or delete a row. One window per reference and node; revision counts from 1 in the order of the stream.';
comment on column planned_outage.announced_by is 'Who announced, changed or withdrew it, as they said.';
comment on column planned_outage.received_at is 'When the gateway was told.';

-- The same words at the same moment are the same row, however often the stream is fed again.
create unique index planned_outage_once on planned_outage
    (reference, node_id, received_at, starts_at, ends_at, withdrawn, md5(reason), md5(announced_by));
create index planned_outage_ends on planned_outage (ends_at);

create view planned_outage_now as
select distinct on (p.reference, p.node_id)
       p.reference, p.node_id, p.revision, p.starts_at, p.ends_at, p.reason, p.announced_by, p.withdrawn, p.received_at
  from planned_outage p
 order by p.reference, p.node_id, p.revision desc;
comment on view planned_outage_now is 'Each window as it was last announced; withdrawn ones too.';
