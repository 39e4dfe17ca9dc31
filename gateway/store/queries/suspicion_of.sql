select device_key, received_at, since, until, score, reasons
  from suspicion
 where device_key = any(%(devices)s::integer[])
 order by until desc, received_at desc, device_key
 limit %(limit)s
