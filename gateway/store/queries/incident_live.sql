select * from incident where state in ('open', 'restored') order by started_at, incident_id
