select i.*
  from incident i join ticket t using (incident_id)
 where i.state in ('open', 'restored') and i.revision > t.incident_revision
 order by i.started_at, i.incident_id
