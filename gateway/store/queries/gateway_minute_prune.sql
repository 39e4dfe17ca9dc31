with old_hour as (delete from gateway_hour where hour < %(before)s)
delete from gateway_minute where at < %(before)s
