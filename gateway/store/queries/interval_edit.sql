select edit_interval(%(device)s::integer, %(quantity)s::smallint, %(start)s::timestamptz, %(end)s::timestamptz,
                     %(value)s::double precision, %(by)s::text, %(reason)s::text, %(at)s::timestamptz)
