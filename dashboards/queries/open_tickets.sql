-- Work orders that are not finished, most severe and longest open first, with the last step of each; exercises apart.
select t.number as "Ticket",
       t.state as "State",
       t.severity as "Severity",
       t.title as "Title",
       t.node_id as "Node",
       t.customers as "Customers",
       t.opened_at as "Opened",
       t.updated_at as "Last step",
       s.actor as "By",
       s.reason as "Reason"
  from feederline.ticket t
  left join feederline.ticket_transition s on s.ticket_id = t.ticket_id and s.revision = t.revision
 where t.state not in ('closed', 'merged', 'cancelled') and t.drill = ''
 order by t.severity, t.opened_at
 limit 200
