select i.*
  from ticket t join incident i using (incident_id)
 where t.look_again_at <= %(at)s
 order by t.look_again_at, i.incident_id
 limit %(limit)s
