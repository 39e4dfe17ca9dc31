delete from callback where received_at < %(before)s
