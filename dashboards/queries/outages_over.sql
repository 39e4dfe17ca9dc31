-- Outages that ended in the range shown, the latest first; exercises apart.
select i.started_at as "Began",
       i.ended_at as "Until",
       extract(epoch from i.ended_at - i.started_at)::double precision / 60 as "Lasted",
       i.kind as "Kind",
       coalesce(nullif(n.name, ''), i.node_id) as "Place",
       i.customers as "Customers",
       t.number as "Ticket",
       t.cause as "Cause",
       i.incident_id as "incident_id",
       i.node_id as "node_id",
       t.ticket_id as "ticket_id"
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
  left join feederline.ticket t on t.incident_id = i.incident_id
 where i.state = 'closed' and i.kind in ('outage', 'phase_loss', 'momentary', 'planned_outage') and i.drill = ''
   and i.ended_at between $__timeFrom() and $__timeTo()
 order by i.ended_at desc, i.incident_id
 limit 200
