update delivery set next_at = %(at)s
 where target = %(target)s and state = 'pending' and next_at > %(at)s
