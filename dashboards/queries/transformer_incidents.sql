-- Incidents at one transformer and below it, with their tickets, newest first; exercises apart.
with recursive below as (
    select n.node_key, n.node_id, n.name from feederline.node n where n.node_id = ${transformer:sqlstring}
    union all
    select n.node_key, n.node_id, n.name from below b join feederline.node n on n.parent_key = b.node_key
)
select i.started_at as "Since",
       i.ended_at as "Until",
       i.kind as "Kind",
       i.state as "State",
       coalesce(nullif(n.name, ''), i.node_id) as "Place",
       i.phases as "Phases",
       i.customers as "Customers",
       i.summary as "Evidence",
       t.number as "Ticket",
       t.state as "Ticket state",
       i.incident_id as "incident_id",
       t.ticket_id as "ticket_id",
       i.node_id as "node_id"
  from feederline.incident i
  join below n using (node_id)
  left join feederline.ticket t on t.incident_id = i.incident_id
 where i.drill = '' and i.started_at < $__timeTo() and (i.ended_at is null or i.ended_at > $__timeFrom())
 order by i.started_at desc
 limit 200
