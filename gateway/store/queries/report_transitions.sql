select * from ticket_transition where ticket_id = any(%(tickets)s) order by ticket_id, revision
