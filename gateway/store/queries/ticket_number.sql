select nextval('ticket_number')
