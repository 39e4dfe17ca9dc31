select i.incident_id, i.state as incident_state, i.restored_at, i.ended_at, i.customers,
       (select min(n.detected_at) from incident n where n.drill = %(drill)s) as detected_at,
       t.ticket_id, t.number, t.state, t.opened_at, t.acknowledged_at, t.closed_at, t.ended_by,
       (select n.actor from ticket_transition n
         where n.ticket_id = t.ticket_id and n.at = t.acknowledged_at and n.from_state is not null
         order by n.action <> 'acknowledge', n.revision
         limit 1) as acknowledged_by
  from incident i
  left join ticket t using (incident_id)
 where i.drill = %(drill)s
 order by i.state in ('merged', 'cancelled'), i.customers desc, i.detected_at, i.incident_id
 limit 1
