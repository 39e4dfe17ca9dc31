update delivery set claimed_by = null, claimed_until = null
 where state = 'pending' and claimed_by = %(owner)s and (%(targets)s::text[] is null or target = any(%(targets)s::text[]))
