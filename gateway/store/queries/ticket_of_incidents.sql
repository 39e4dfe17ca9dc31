select t.*, i.kind from ticket t join incident i using (incident_id) where t.incident_id = any(%(incidents)s)
