update delivery
   set state = 'delivered', delivered_at = %(at)s, status = %(status)s, attempts = attempts + 1,
       claimed_until = null, last_error = null
 where delivery_id = %(delivery_id)s and state <> 'delivered'
