-- Work orders that are not finished, most severe and longest open first, with the last step of each; exercises apart.
select t.number as "Ticket",
       t.state as "State",
       t.severity as "Severity",
       t.title as "Title",
       t.customers as "Customers",
       t.opened_at as "Opened",
       t.restoration_estimated_at as "Supply promised for",
       t.crew as "Crew",
       t.updated_at as "Last step",
       s.actor as "By",
       s.reason as "Reason",
       t.ticket_id as "ticket_id",
       t.incident_id as "incident_id",
       t.node_id as "node_id"
  from feederline.ticket t
  left join feederline.ticket_transition s on s.ticket_id = t.ticket_id and s.revision = t.revision
 where t.state not in ('closed', 'merged', 'cancelled') and t.drill = ''
 order by t.severity, t.opened_at
 limit 200
