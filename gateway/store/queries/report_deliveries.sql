select delivery_id, ticket_id, revision, target, state, attempts, status, last_error, created_at, next_at, delivered_at
  from delivery
 where ticket_id = any(%(tickets)s)
 order by ticket_id, revision, target
