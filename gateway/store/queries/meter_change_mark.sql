-- What was reckoned from a change on is to be reckoned anew.
select mark_from(device_key, at) from meter_change where change_id = %(number)s
