delete from access_session where expires_at < %(before)s
