insert into access_session (session_hash, token_id, created_at, seen_at, expires_at)
values (%(session_hash)s, %(token_id)s, %(at)s, %(at)s, %(expires_at)s)
