select d.delivery_id, d.subject, d.ticket_id, t.number, t.node_id, d.revision, d.target, d.state, d.attempts, d.status,
       d.last_error, d.created_at, d.next_at, d.delivered_at, d.replayed_at, d.replayed_by
  from delivery d left join ticket t using (ticket_id)
 where d.delivery_id = %(delivery_id)s
