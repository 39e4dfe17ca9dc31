select measured_at, received_at, value, quality
  from register_reading(%(device)s::integer, %(quantity)s::smallint, %(at)s::timestamptz)
