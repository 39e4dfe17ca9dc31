select d.target, d.revision, n.action, d.state, d.attempts, d.created_at, d.delivered_at, d.last_error
  from delivery d
  join ticket_transition n on n.ticket_id = d.ticket_id and n.revision = d.revision
 where d.ticket_id = %(ticket)s
 order by d.target, d.revision
