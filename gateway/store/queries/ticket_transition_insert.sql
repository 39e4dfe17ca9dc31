insert into ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason, origin, detail)
values (%(ticket_id)s, %(revision)s, %(at)s, %(action)s, %(from_state)s, %(to_state)s, %(actor)s, %(reason)s,
        %(origin)s, %(detail)s::jsonb)
