update delivery set state = 'dead', claimed_until = null, last_error = 'no target of this name is configured'
 where state = 'pending' and target <> all(%(targets)s::text[]) and coalesce(replayed_at, created_at) <= %(before)s
   and (claimed_until is null or claimed_until <= %(at)s)
