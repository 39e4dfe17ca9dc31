delete from gateway_minute where at < %(before)s
