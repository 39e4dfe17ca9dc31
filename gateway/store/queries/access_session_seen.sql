update access_session set seen_at = greatest(seen_at, %(at)s) where session_hash = %(session_hash)s
