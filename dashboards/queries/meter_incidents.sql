-- Incidents that one device was a member of, with their tickets, newest first; exercises apart.
select i.started_at as "Since",
       i.ended_at as "Until",
       i.kind as "Kind",
       i.state as "State",
       coalesce(n.name, i.node_id) as "Place",
       i.customers as "Customers",
       i.summary as "Evidence",
       t.number as "Ticket",
       t.state as "Ticket state",
       i.incident_id as "incident_id",
       t.ticket_id as "ticket_id",
       i.node_id as "node_id"
  from feederline.incident_device m
  join feederline.incident i using (incident_id)
  left join feederline.node n on n.node_id = i.node_id
  left join feederline.ticket t on t.incident_id = i.incident_id
 where m.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and i.drill = '' and i.started_at < $__timeTo() and (i.ended_at is null or i.ended_at > $__timeFrom())
 order by i.started_at desc
 limit 200
