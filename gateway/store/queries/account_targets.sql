select * from target_state(%(at)s::timestamptz)
