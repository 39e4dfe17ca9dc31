update incident set ticket_due_at = %(again_at)s where incident_id = any(%(incidents)s)
