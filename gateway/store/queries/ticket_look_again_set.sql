update ticket t set look_again_at = a.at
  from unnest(%(tickets)s::text[], %(at)s::timestamptz[]) as a (ticket_id, at)
 where t.ticket_id = a.ticket_id and t.look_again_at is distinct from a.at
