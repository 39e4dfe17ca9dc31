delete from load_outlook where ends_at < %(before)s
