update gap set asks = asks + 1, asked_at = %(at)s where gap_id = any(%(numbers)s::bigint[])
