insert into audit (at, actor, role, origin, address, token_id, action, object, outcome, detail)
values (%(at)s, %(actor)s, %(role)s, %(origin)s, %(address)s, %(token)s, %(action)s, %(object)s, %(outcome)s,
        %(detail)s::jsonb)
