select * from ticket where incident_id = any(%(incidents)s)
