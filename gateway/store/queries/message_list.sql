select d.delivery_id, d.subject, d.ticket_id, t.number, t.node_id, d.revision, d.target, d.state, d.attempts, d.status,
       d.last_error, d.created_at, d.next_at, d.delivered_at, d.replayed_at, d.replayed_by
  from delivery d left join ticket t using (ticket_id)
 where (%(state)s::text is null or d.state = %(state)s)
   and (%(target)s::text is null or d.target = %(target)s)
   and (%(ticket)s::text is null or d.ticket_id = %(ticket)s)
   and (%(below)s::text[] is null or t.node_id in (select nodes_below(%(below)s)))
   and (%(before)s::timestamptz is null
        or d.created_at <= %(before)s and (d.created_at < %(before)s or d.delivery_id > %(before_id)s))
 order by d.created_at desc, d.delivery_id
 limit %(limit)s
