select ticket_id from ticket where number = %(number)s
