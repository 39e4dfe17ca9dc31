select nextval('ticket_number') from generate_series(1, %(count)s)
