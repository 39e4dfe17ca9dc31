-- What is going on, most customers first, exercises apart.
select i.started_at as "Since",
       i.kind as "Kind",
       i.state as "State",
       coalesce(nullif(n.name, ''), i.node_id) as "Place",
       i.phases as "Phases",
       i.customers as "Customers",
       i.confidence as "Confidence",
       i.summary as "Evidence",
       t.number as "Ticket",
       t.state as "Work",
       i.incident_id as "incident_id",
       i.node_id as "node_id",
       t.ticket_id as "ticket_id"
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
  left join feederline.ticket t on t.incident_id = i.incident_id
 where i.state in ('open', 'restored') and i.drill = ''
 order by i.customers desc, i.started_at
 limit 200
