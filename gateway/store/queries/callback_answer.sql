select status, answer from callback where target = %(target)s and message_id = %(message_id)s
