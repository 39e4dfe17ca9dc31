select * from ticket where ticket_id = %(ticket)s for no key update
