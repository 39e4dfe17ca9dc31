-- Clocks of work orders that run, those that run out first before the others; exercises apart.
-- The limits (minutes by clock, area and severity) are those of the gateway's configuration.
with sla as materialized (
    select feederline.setting_text('sla')::jsonb as limits
), running as (
    select t.ticket_id, t.number, t.incident_id, t.node_id, t.title, t.state, t.severity, t.crew, t.warned, t.customers,
           coalesce(t.clocks_from, t.opened_at) as since, c.name as clock,
           case i.kind when 'power_quality' then l.limits -> 'quality' -> c.name
                       when 'usage_anomaly' then l.limits -> 'inspection' -> c.name
                       else coalesce(l.limits -> c.name -> t.area, l.limits -> c.name -> (l.limits ->> 'area')) end
             ->> (t.severity - 1) as minutes,
           coalesce((l.limits ->> 'warn_at')::double precision, 1) as warn_at
      from sla l, feederline.ticket t
      join feederline.incident i using (incident_id)
     cross join lateral (values
               ('response', coalesce(t.acknowledged_at, t.dispatched_at, t.arrived_at)),
               ('arrival', t.arrived_at),
               ('arrival_limit', t.arrived_at),
               ('restoration', null)) as c (name, done_at)
     where t.state not in ('closed', 'merged', 'cancelled') and t.restored_at is null and t.drill = '' and c.done_at is null
), due as (
    select r.*, make_interval(secs => 60 * r.minutes::double precision) as allowed,
           r.since + make_interval(secs => 60 * r.minutes::double precision) as due_at
      from running r
     where r.minutes is not null or array[r.clock, r.clock || '!'] && r.warned
)
select d.number as "Ticket",
       d.clock as "Clock",
       case when d.warned @> array[d.clock || '!'] or d.due_at <= now() then 'late'
            when d.warned @> array[d.clock] or d.since + d.warn_at * d.allowed <= now() then 'due'
            else 'running' end as "Standing",
       d.due_at as "Due at",
       extract(epoch from d.due_at - now())::double precision / 60 as "Left",
       d.state as "State",
       d.severity as "Severity",
       d.customers as "Customers",
       d.title as "Title",
       d.crew as "Crew",
       d.ticket_id as "ticket_id",
       d.node_id as "node_id"
  from due d
 order by d.due_at nulls first, d.severity, d.number
 limit 200
