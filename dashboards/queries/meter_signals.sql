-- What one device said, or failed to say, newest first.
select s.received_at as "Received",
       s.kind as "Signal",
       s.occurred_at as "By its own clock",
       extract(epoch from s.received_at - s.occurred_at)::double precision as "On the way",
       s.source as "Source",
       s.detail as "Detail"
  from feederline.signal s
 where s.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(s.received_at)
 order by s.received_at desc
 limit 300
