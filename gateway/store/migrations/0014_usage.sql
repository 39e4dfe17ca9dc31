-- What the daily look at meter data finds: the balance of transformer areas, what is usual of customers, what was judged of
-- them, what was put into the stream, and the load to be expected.

create table area_loss_day (
    transformer_key integer not null references node (node_key),
    day             date not null,
    starts_at       timestamptz not null,
    ends_at         timestamptz not null check (ends_at > starts_at),
    hours           double precision not null check (hours > 0),
    members         integer not null,
    supplied        double precision not null,
    sold            double precision not null,
    loss            double precision generated always as (supplied - sold) stored,
    intervals       integer not null,
    used            integer not null check (used >= 0 and used <= intervals),
    without_supply  integer not null,
    without_member  integer not null,
    moments         double precision[] not null check (cardinality(moments) = 8),
    technical       double precision,
    excess          double precision,
    level           double precision,
    sigma           double precision,
    ratio           double precision,
    since           timestamptz,
    step            double precision,
    found           text[] not null default '{}',
    made_at         timestamptz not null,
    primary key (transformer_key, day)
);
create index area_loss_day_day on area_loss_day (day);
comment on table area_loss_day is 'Energy balance of transformer areas by local day, kWh of the intervals in which supply and every member were measured.';
comment on column area_loss_day.used is 'Intervals that count; the others lack the supply (without_supply) or a member (without_member).';
comment on column area_loss_day.moments is 'Σ1, Σx, Σx², Σx⁴, Σl, Σl², Σlx, Σlx² over them, x supplied and l lost, kW.';
comment on column area_loss_day.excess is 'Loss of the day beyond what is technical by the area''s own history.';
comment on column area_loss_day.level is 'kWh a day beyond what is technical, of recent days; ratio is their loss over supply.';
comment on column area_loss_day.since is 'When a lasting rise of the loss began; null where there is none. step is by how much, kWh a day.';
comment on column area_loss_day.found is 'high, stepped, noisy, negative, proportional: what makes the area one to be looked into.';

create table area_finding (
    day             date not null,
    kind            text not null check (kind in ('area_loss', 'supply_meter', 'topology', 'phase')),
    transformer_key integer not null references node (node_key),
    device_key      integer references device (device_key),
    other_key       integer references node (node_key),
    since           timestamptz,
    words           text not null,
    figures         jsonb not null default '{}',
    made_at         timestamptz not null
);
create unique index area_finding_once on area_finding (day, kind, transformer_key, coalesce(device_key, -1));
comment on table area_finding is 'What the balance of a day finds that accuses no customer; each day''s takes the place of what was said of it.';
comment on column area_finding.other_key is 'Of a topology finding: the transformer on which the device hangs.';

create table usage_baseline (
    device_key integer primary key references device (device_key),
    number     integer not null,
    version    smallint not null,
    state      bytea not null,
    made_at    timestamptz not null
);
alter table usage_baseline alter column state set storage external;
comment on table usage_baseline is 'What is usual of each customer: float32 little-endian, laid out as `version` of processors.usage.baseline says.';
comment on column usage_baseline.number is 'Day number (days since 1970-01-01) of the last day judged, −1 for none.';

create table usage_day (
    day          date not null,
    device_key   integer not null references device (device_key),
    score        real not null check (score between 0 and 1),
    log_odds     real not null,
    kinds        smallint not null,
    opens        boolean not null,
    kwh          real,
    expected_kwh real,
    since        timestamptz,
    reasons      jsonb not null default '[]',
    made_at      timestamptz not null,
    primary key (day, device_key)
);
create index usage_day_device on usage_day (device_key, day desc);
comment on table usage_day is 'Customers whose day was judged and whose score is worth keeping, with the reasons in words.';
comment on column usage_day.kinds is 'Independent kinds of evidence against the customer.';

create table suspicion (
    suspicion_id bigint generated always as identity primary key,
    device_key   integer not null references device (device_key),
    received_at  timestamptz not null,
    since        timestamptz not null,
    until        timestamptz not null,
    score        double precision not null check (score between 0 and 1),
    reasons      jsonb not null
);
create unique index suspicion_once on suspicion (device_key, until, received_at);
create index suspicion_time on suspicion (received_at desc, suspicion_id desc);
comment on table suspicion is 'What the daily look put into the stream, of customers and of the meters of a transformer''s supply. Append-only.';
comment on column suspicion.reasons is 'Strongest first: rule, weight (log-odds), words, figures.';
create trigger append_only before update or delete or truncate on suspicion
    for each statement execute function refuse_rewriting();

create table load_outlook (
    node_key    integer not null references node (node_key),
    starts_at   timestamptz not null,
    ends_at     timestamptz not null check (ends_at > starts_at),
    expected_kw double precision not null,
    high_kw     double precision not null,
    share       double precision not null,
    limit_kw    double precision,
    made_at     timestamptz not null,
    primary key (node_key, starts_at)
);
create index load_outlook_time on load_outlook (ends_at);
comment on table load_outlook is 'Load to be expected of transformers and feeders, as last foretold; high_kw is its upper quantile `share`.';

create view suspicion_now as
select distinct on (s.device_key) s.*
  from suspicion s
 order by s.device_key, s.until desc, s.received_at desc;
comment on view suspicion_now is 'The last word on every device of which the stream was told.';

-- Whom to look at first, with the strongest reason and what is being done about it.
create view usage_watchlist as
select d.device_id, d.kind as device_kind, d.device_key, n.node_id, t.node_id as transformer_id, f.node_id as feeder_id,
       coalesce(d.attributes ->> 'customer_class', '') as customer_class, s.score, s.since, s.until,
       s.reasons -> 0 ->> 'rule' as rule, s.reasons -> 0 ->> 'words' as words, s.reasons, i.incident_id,
       k.number as ticket_number, k.state as ticket_state
  from suspicion_now s
  join device d using (device_key)
  left join node n on n.node_key = d.node_key
  left join node t on t.node_key = d.transformer_key
  left join node f on f.node_key = d.feeder_key
  left join lateral (
       select c.incident_id
         from incident_device m join incident c using (incident_id)
        where m.device_key = s.device_key and c.kind = 'usage_anomaly' and c.state in ('open', 'restored')
        order by c.started_at desc limit 1) i on true
  left join ticket k on k.incident_id = i.incident_id
 where d.listed;

create view area_loss_now as
select n.node_id, n.name, nullif(p.feeder, '') as feeder_id, a.*,
       a.used::double precision / nullif(a.intervals, 0) as coverage, w.kind as finding, w.words
  from (select distinct on (transformer_key) * from area_loss_day order by transformer_key, day desc) a
  join node n on n.node_key = a.transformer_key
  left join node_place p on p.node_key = n.node_key
  left join lateral (
       select g.kind, g.words from area_finding g
        where g.transformer_key = a.transformer_key and g.day = a.day and g.kind in ('area_loss', 'supply_meter')
        order by g.kind desc limit 1) w on true
 where n.listed;
comment on view area_loss_now is 'The last balance of every transformer area.';

-- Where more is to be expected than a node is rated for, from now on.
create view load_risk as
select n.node_id, n.name, n.kind, o.node_key, min(o.starts_at) as starts_at, max(o.ends_at) as ends_at, count(*) as intervals,
       max(o.expected_kw) as expected_kw, max(o.high_kw) as high_kw, max(o.limit_kw) as limit_kw,
       max(o.expected_kw / o.limit_kw) as expected_ratio, max(o.high_kw / o.limit_kw) as high_ratio,
       bool_or(o.expected_kw > o.limit_kw) as expected
  from load_outlook o join node n using (node_key)
 where o.ends_at > now() and o.high_kw > o.limit_kw and n.listed
 group by n.node_id, n.name, n.kind, o.node_key;
comment on view load_risk is 'Nodes whose upper quantile goes beyond their rating; `expected` where what is expected does.';
