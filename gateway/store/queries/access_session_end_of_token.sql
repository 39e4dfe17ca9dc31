delete from access_session where token_id = %(token_id)s
