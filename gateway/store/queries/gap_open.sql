select gap_id, device_key, quantity_word(quantity) as quantity, starts_at, ends_at, cause, found_at, asked_at, asks,
       intervals, filled
  from gap
 where filled_at is null and ends_at > %(since)s
   and (%(asked_before)s::timestamptz is null or asked_at is null or asked_at < %(asked_before)s)
   and (%(asks_below)s::integer is null or asks < %(asks_below)s)
   and (%(devices)s::integer[] is null or device_key = any(%(devices)s))
 order by asks, asked_at nulls first, gap_id
 limit %(limit)s
