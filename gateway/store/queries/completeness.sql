-- What was delivered to the gateway against what is stored, both ways; one row.
--   message_*: readings by device and time.  polled/polls: how many answers each polled device gave in [since, until].
--   signal_*: what devices said, once per message.  One answer per polled device may be under way when it is counted.
with message as (
    select distinct m.device_id, m.measured_at
      from unnest(%(message_device)s::text[], %(message_at)s::timestamptz[]) as m (device_id, measured_at)
), polled as (
    select p.device_id, p.polls from unnest(%(polled)s::text[], %(polls)s::bigint[]) as p (device_id, polls)
), stored as (
    select d.device_id, r.measured_at
      from reading r join device d using (device_key)
     where r.measured_at between %(since)s and %(until)s
), poll as (
    select p.polls, coalesce(s.rows, 0) as rows
      from polled p left join (select device_id, count(*) as rows from stored group by device_id) s using (device_id)
), said as (
    select s.device_id, s.kind, s.occurred_at, count(*) as times
      from unnest(%(signal_device)s::text[], %(signal_kind)s::text[], %(signal_at)s::timestamptz[])
           as s (device_id, kind, occurred_at)
     group by s.device_id, s.kind, s.occurred_at
), heard as (
    select d.device_id, g.kind, coalesce(g.occurred_at, g.received_at) as occurred_at, count(*) as times
      from signal g join device d using (device_key)
     where g.kind in ('last_gasp', 'power_restored')
       and coalesce(g.occurred_at, g.received_at) between %(since)s and %(until)s
     group by d.device_id, g.kind, coalesce(g.occurred_at, g.received_at)
)
select (select count(*) from reading) as readings,
       (select count(*) from signal) as signals,
       (select count(*) from message m
         where not exists (select from device d join reading r using (device_key)
                            where d.device_id = m.device_id and r.measured_at = m.measured_at)) as missing_messages,
       (select coalesce(sum(greatest(polls - rows, 0)), 0)::bigint from poll) as missing_polls,
       (select count(*) from said s
         where not exists (select from device d join signal g using (device_key)
                            where d.device_id = s.device_id and g.kind = s.kind
                              and g.occurred_at = s.occurred_at)) as missing_signals,
       (select count(*) from (select device_id, measured_at from stored where device_id <> all (%(polled)s::text[])
                              except all select device_id, measured_at from message) e) as extra_messages,
       (select coalesce(sum(greatest(rows - polls - 1, 0)), 0)::bigint from poll) as extra_polls,
       (select coalesce(sum(greatest(h.times - coalesce(s.times, 0), 0)), 0)::bigint
          from heard h left join said s using (device_id, kind, occurred_at)) as extra_signals
