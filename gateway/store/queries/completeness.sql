-- What was delivered to the gateway against what is stored; one row.
--   message_*: readings by device and time.  polled/polls: how many answers each polled device gave until `until`.
--   signal_*: what devices said.  Rows that stand there twice cannot be, and are counted all the same.
with message as (
    select m.device_id, m.measured_at
      from unnest(%(message_device)s::text[], %(message_at)s::timestamptz[]) as m (device_id, measured_at)
), polled as (
    select p.device_id, p.polls from unnest(%(polled)s::text[], %(polls)s::bigint[]) as p (device_id, polls)
), stored_polls as (
    select d.device_id, count(*) as stored
      from reading r join device d using (device_key)
     where d.device_id = any (%(polled)s::text[]) and r.measured_at <= %(until)s
     group by d.device_id
), said as (
    select s.device_id, s.kind, s.occurred_at
      from unnest(%(signal_device)s::text[], %(signal_kind)s::text[], %(signal_at)s::timestamptz[])
           as s (device_id, kind, occurred_at)
)
select (select count(*) from reading) as readings,
       (select count(*) from signal) as signals,
       (select count(*) from message m
         where not exists (select from device d join reading r using (device_key)
                            where d.device_id = m.device_id and r.measured_at = m.measured_at)) as missing_messages,
       (select coalesce(sum(greatest(p.polls - coalesce(s.stored, 0), 0)), 0)::bigint
          from polled p left join stored_polls s using (device_id)) as missing_polls,
       (select count(*) from said s
         where not exists (select from device d join signal g using (device_key)
                            where d.device_id = s.device_id and g.kind = s.kind
                              and g.occurred_at = s.occurred_at)) as missing_signals,
       (select coalesce(sum(n - 1), 0)::bigint
          from (select count(*) as n from reading group by device_key, measured_at having count(*) > 1) r)
       + (select coalesce(sum(n - 1), 0)::bigint
            from (select count(*) as n from ticket group by incident_id having count(*) > 1) t) as duplicates
