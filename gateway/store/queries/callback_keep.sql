update callback set status = %(status)s, answer = %(answer)s::jsonb
 where target = %(target)s and message_id = %(message_id)s
