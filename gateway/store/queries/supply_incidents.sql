select incident_id, node_id, kind, state, drill <> '' as drill
  from incident
 where state in ('open', 'restored')
 order by started_at, incident_id
