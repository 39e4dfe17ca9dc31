insert into access_token (token_id, name, secret_hash, role, below, created_at, created_by, expires_at)
values (%(token_id)s, %(name)s, %(secret_hash)s, %(role)s, %(below)s, %(created_at)s, %(created_by)s, %(expires_at)s)
