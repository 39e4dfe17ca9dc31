select ticket_id, target, reference from ticket_reference where ticket_id = any(%(tickets)s) order by ticket_id, target
