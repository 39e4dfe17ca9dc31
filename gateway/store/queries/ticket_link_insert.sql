insert into ticket_link (ticket_id, other_id, kind, at)
select t.ticket_id, o.ticket_id, %(kind)s, %(at)s
  from ticket t, ticket o
 where t.ticket_id = %(ticket)s and o.ticket_id = %(other)s and t.ticket_id <> o.ticket_id
on conflict do nothing
