update delivery set state = 'pending', next_at = %(at)s, claimed_until = null
 where delivery_id = %(delivery_id)s and state = 'dead'
