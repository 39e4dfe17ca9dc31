-- Incidents of supply quality that go on or overlap the range, those that go on first; exercises apart.
select i.started_at as "Since",
       i.ended_at as "Until",
       i.evidence ->> 'condition' as "Condition",
       i.state as "State",
       coalesce(nullif(n.name, ''), i.node_id) as "Place",
       i.customers as "Customers",
       i.summary as "Evidence",
       t.number as "Ticket",
       i.incident_id as "incident_id",
       t.ticket_id as "ticket_id",
       i.node_id as "node_id"
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
  left join feederline.ticket t on t.incident_id = i.incident_id
 where i.kind = 'power_quality' and i.drill = '' and i.state <> 'merged'
   and i.started_at < $__timeTo() and (i.ended_at is null or i.ended_at > $__timeFrom())
 order by i.state not in ('open', 'restored'), i.started_at desc
 limit 200
