update delivery
   set state = case when %(next_at)s::timestamptz is null then 'dead' else 'pending' end,
       next_at = coalesce(%(next_at)s::timestamptz, next_at), attempts = attempts + 1,
       claimed_until = null, last_error = %(error)s
 where delivery_id = %(delivery_id)s and state = 'pending'
