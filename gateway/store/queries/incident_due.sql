select i.*
  from incident i
 where i.ticket_due_at <= %(at)s and i.state = 'open'
   and not exists (select from ticket t where t.incident_id = i.incident_id)
 order by i.ticket_due_at, i.incident_id
   for no key update of i
