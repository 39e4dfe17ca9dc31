select t.*, n.name as node_name
  from ticket t
  left join node n using (node_id)
 where (%(state)s::text is null or t.state = %(state)s)
   and (not %(live)s or t.state not in ('closed', 'merged', 'cancelled'))
   and (%(before)s::timestamptz is null or t.opened_at < %(before)s)
   and (%(ticket)s::text is null or t.ticket_id = %(ticket)s)
 order by t.opened_at desc, t.number desc
 limit %(limit)s
