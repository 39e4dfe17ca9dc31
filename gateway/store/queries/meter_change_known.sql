select before, after from meter_change_standing where device_key = %(device)s and at = %(moment)s and of = %(of)s
