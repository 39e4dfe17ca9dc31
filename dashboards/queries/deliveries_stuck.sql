-- Messages that did not get through: those given up in the range (`next_at`: when the last try was due) and all that wait.
select d.created_at as "Made",
       d.target as "Target",
       d.state as "State",
       t.number as "Ticket",
       d.attempts as "Tries",
       d.status as "Last answer",
       case d.state when 'pending' then d.next_at end as "Next try",
       d.ticket_id as "ticket_id"
  from feederline.delivery d
  left join feederline.ticket t using (ticket_id)
 where d.state = 'pending' or (d.state = 'dead' and $__timeFilter(d.next_at))
 order by d.created_at
 limit 200
