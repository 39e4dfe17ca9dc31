select * from ticket where incident_id = any(%(incidents)s) order by ticket_id for no key update
