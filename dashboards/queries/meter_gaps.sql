-- What of one device was expected and not collected, newest first, with what became of it.
select g.starts_at as "From",
       g.ends_at as "To",
       feederline.quantity_word(g.quantity) as "Quantity",
       g.cause as "Cause",
       g.intervals as "Intervals",
       g.filled as "Filled since",
       g.asks as "Asked for again",
       g.asked_at as "Last asked",
       g.filled_at as "Whole again"
  from feederline.gap g
 where g.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and g.starts_at < $__timeTo() and g.ends_at > $__timeFrom()
 order by g.starts_at desc, g.quantity
 limit 200
