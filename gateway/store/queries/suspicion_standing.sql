select device_key, received_at, since, until, score, reasons
  from suspicion_now
 where score >= %(score)s
 order by score desc, device_key
 limit %(limit)s
