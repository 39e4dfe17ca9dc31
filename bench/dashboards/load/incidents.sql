-- A year of outages: three of each transformer (5 min to 3 h), one of every tenth meter, five losses of communications and half a
-- planned outage of each transformer; five that go on. With tickets, their steps and messages; gaps, suspicions, outlook.
create temporary table happened on commit preserve rows as
select row_number() over () as number, h.*
  from (select 'outage' as kind, 'T' || n as node_id, 1 + (n - 1) * %(per)s as first, n * %(per)s as last, 1 as every, l.at,
               l.at + (300 + 10000 * random()) * interval '1 second' as ended_at, 'off' as state
          from generate_series(1, %(transformers)s::integer) n, generate_series(1, ceil(3 * %(years)s::double precision)::integer) k,
               lateral (select %(first)s::timestamptz + (random() + 0 * k) * (%(now)s::timestamptz - %(first)s::timestamptz - interval '4 hours') as at) l
        union all
        select 'outage', 'M' || m, m, m, 1, l.at, l.at + (300 + 10000 * random()) * interval '1 second', 'off'
          from generate_series(1, %(meters)s::integer, 10) m, generate_series(1, ceil(%(years)s::double precision)::integer) k,
               lateral (select %(first)s::timestamptz + (random() + 0 * k) * (%(now)s::timestamptz - %(first)s::timestamptz - interval '4 hours') as at) l
        union all
        select 'communications_loss', 'T' || n, 1 + (n - 1) * %(per)s, n * %(per)s, 5, l.at,
               l.at + (300 + 10000 * random()) * interval '1 second', 'unknown'
          from generate_series(1, %(transformers)s::integer) n, generate_series(1, ceil(5 * %(years)s::double precision)::integer) k,
               lateral (select %(first)s::timestamptz + (random() + 0 * k) * (%(now)s::timestamptz - %(first)s::timestamptz - interval '4 hours') as at) l
        union all
        select 'planned_outage', 'T' || n, 1 + (n - 1) * %(per)s, n * %(per)s, 1, l.at, l.at + interval '2 hours', 'off'
          from generate_series(1, %(transformers)s::integer, 2) n,
               lateral (select %(first)s::timestamptz + random() * (%(now)s::timestamptz - %(first)s::timestamptz - interval '4 hours') as at) l
        union all
        select 'outage', 'T' || n, 1 + (n - 1) * %(per)s, n * %(per)s, 1, %(now)s::timestamptz - n * interval '7 minutes', null, 'off'
          from generate_series(1, 5) n) h;

insert into feederline.incident (incident_id, kind, node_id, phases, state, started_at, detected_at, restored_at, ended_at,
       customers, confidence, direct, summary, revision)
select 'inc-' || number, kind, node_id, 'ABC', case when ended_at is null then 'open' else 'closed' end, at, at, ended_at, ended_at,
       (last - first) / every + 1, 0.95, true, '8 of 10 meters sent a last gasp', 2
  from happened;

insert into feederline.incident_device (incident_id, device_key)
select 'inc-' || number, m from happened, generate_series(first, last, every) m;

insert into feederline.interruption (incident_id, device_key, step, kind, state, started_at, ended_at, customers)
select 'inc-' || number, m, 0, case kind when 'planned_outage' then 'planned' else 'fault' end, state, at + random() * interval '20 seconds',
       case when ended_at is not null then greatest(ended_at - random() * interval '4 minutes', at + interval '21 seconds') end, 1
  from happened, generate_series(first, last, every) m
 order by 1;

insert into feederline.ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at, updated_at,
       closed_at, started_at, revision, area, clocks_from, acknowledged_at, dispatched_at, arrived_at, restored_at, cause)
select 'tic-' || number, number, 'inc-' || number, case when ended_at is null then 'dispatched' else 'closed' end, 1 + number %% 3,
       node_id, 'Outage at ' || node_id, (last - first) / every + 1, at + interval '1 minute', coalesce(ended_at, at + interval '5 minutes'),
       ended_at, at, 5, 'urban', at + interval '1 minute', at + interval '3 minutes', at + interval '5 minutes',
       ended_at - interval '2 minutes', ended_at, (array['cable', 'fuse', 'tree', 'animal', ''])[1 + number %% 5]
  from happened where kind = 'outage';

insert into feederline.ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason)
select 'tic-' || number, r, at + r * interval '1 minute', (array['open', 'acknowledge', 'dispatch', 'restore', 'close'])[r], null, 'closed',
       'feederline', '8 of 10 meters sent a last gasp'
  from happened, generate_series(1, 5) r where kind = 'outage';

insert into feederline.delivery (delivery_id, subject, ticket_id, revision, target, content_type, body, state, attempts, next_at, created_at,
       delivered_at, status)
select format('msg-%%s-%%s', number, r), 'tic-' || number, 'tic-' || number, r, 'desk', 'application/json', '{}',
       case when ended_at is null and r = 5 then 'pending' else 'delivered' end, 1, at + r * interval '1 minute', at + r * interval '1 minute',
       case when ended_at is null and r = 5 then null else at + r * interval '1 minute' + random() * interval '3 seconds' end, 202
  from happened, generate_series(1, 5) r where kind = 'outage';

insert into feederline.suspicion (device_key, received_at, since, until, score, reasons)
select 1 + m %% %(meters)s::integer, t, t - interval '20 days', t, 0.3 + 0.6 * random(),
       '[{"rule": "drop", "weight": 2.0, "words": "It fell.", "figures": {}}]'
  from generate_series(1, greatest(%(meters)s::integer / 50, 5)) m, lateral (select %(now)s::timestamptz - m %% 90 * interval '1 day' as t) l
on conflict do nothing;

insert into feederline.gap (device_key, quantity, starts_at, ends_at, cause, found_at, asks, filled_at, intervals, filled)
select m, 27, t, t + interval '6 hours', (array['supply', 'device', 'communications', 'gateway'])[1 + m %% 4], t + interval '1 day', 1,
       case when k > 1 then t + interval '2 days' end, 6, case when k > 1 then 6 else 0 end
  from generate_series(1, %(meters)s::integer, 5) m, generate_series(1, 10) k,
       lateral (select %(now)s::timestamptz - k * interval '3 days' - m * interval '1 second' as t) l;

insert into feederline.load_outlook (node_key, starts_at, ends_at, expected_kw, high_kw, share, limit_kw, made_at)
select n, t, t + interval '1 hour', 200 + 60 * random(), 260 + 80 * random(), 0.9, 300, %(now)s
  from generate_series(2, 1 + %(feeders)s::integer + %(transformers)s::integer) n,
       generate_series(%(now)s::timestamptz - interval '3 days', %(now)s::timestamptz + interval '1 day', interval '1 hour') t;

drop table happened
