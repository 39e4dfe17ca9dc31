select device_key, day, score, log_odds, kinds, opens, kwh, expected_kwh, since, reasons
  from usage_day
 where day >= %(frm)s and day < %(till)s and (%(device_key)s::integer is null or device_key = %(device_key)s)
 order by day desc, score desc, device_key
 limit %(limit)s
