select incident_id, revision from incident where incident_id = any(%(incidents)s) order by incident_id for no key update
