-- Sustained interruptions by kind and by the cause on record: that of a correction, else that of the ticket.
-- Both lists are made once, and matched by hashing: the planner cannot know how long they are.
with judged as materialized (
    select j.user_key as device_key, j.started_at, j.customers, j.micros, j.going_on
      from judged_spell(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz) j
     where j.sustained
), began as materialized (
    select s.device_key, s.started_at, s.event
      from supply_spell(%(frm)s::timestamptz, %(to)s::timestamptz) s
), spell as materialized (
    select j.device_key, j.customers, j.micros, j.going_on, b.event
      from judged j join began b on b.device_key = j.device_key and b.started_at = j.started_at
), told as (
    select s.*, coalesce(e.kind, case i.kind when 'planned_outage' then 'planned' else 'fault' end) as kind,
           coalesce(nullif(btrim(e.cause), ''), nullif(btrim(t.cause), ''), '') as cause
      from spell s
      left join incident i on i.incident_id = s.event
      left join ticket t on t.incident_id = s.event
      left join lateral (select e.kind, e.cause from effective_interruption e
                          where e.incident_id = s.event and e.device_key = s.device_key and not e.voided
                          order by e.started_at, e.step limit 1) e on true
)
select kind, cause, count(distinct event) as incidents, sum(customers)::bigint as customer_interruptions,
       coalesce(sum(customers * micros) filter (where not going_on), 0)::double precision / 60e6 as customer_minutes,
       coalesce(sum(customers * micros) filter (where going_on), 0)::double precision / 60e6 as open_customer_minutes
  from told
 group by kind, cause
 order by coalesce(sum(customers * micros), 0) desc, kind, cause
