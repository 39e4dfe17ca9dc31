select t.*, i.kind
  from ticket t join incident i using (incident_id)
 where (t.state not in ('closed', 'merged', 'cancelled') or t.closed_at > %(ended_since)s) and t.drill = ''
 order by t.opened_at, t.ticket_id
