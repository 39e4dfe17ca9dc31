select i.incident_id, i.device_key, i.step, i.state, i.started_at, i.ended_at
  from interruption i join incident n using (incident_id)
 where n.state in ('open', 'restored')
 order by n.started_at, i.incident_id, i.device_key, i.step
