delete from access_session where session_hash = %(session_hash)s
