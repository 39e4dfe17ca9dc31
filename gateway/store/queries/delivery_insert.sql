insert into delivery (delivery_id, subject, ticket_id, revision, target, content_type, body, next_at, created_at)
values (%(delivery_id)s, %(subject)s, %(ticket_id)s, %(revision)s, %(target)s, %(content_type)s, %(body)s,
        %(created_at)s, %(created_at)s)
