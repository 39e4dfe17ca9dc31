update access_token set last_used_at = greatest(last_used_at, %(at)s) where token_id = %(token_id)s
