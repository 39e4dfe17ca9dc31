select t.ticket_id,
       coalesce(sum(d.customers) filter (where d.priority in ('critical', 'lifeline')), 0) as critical,
       coalesce(sum(d.customers) filter (where d.priority = 'public_welfare'), 0) as public_welfare,
       coalesce(sum(d.customers) filter (where d.priority = 'important'), 0) as important
  from ticket t
  join incident_device m using (incident_id)
  join device d using (device_key)
 where t.ticket_id = any(%(tickets)s) and d.priority <> ''
 group by t.ticket_id
