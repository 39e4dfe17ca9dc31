select * from access_token where token_id = %(token_id)s
