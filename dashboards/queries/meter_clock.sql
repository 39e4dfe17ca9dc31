-- Times of one device that cannot be: signals dated further off than the settings allow, readings with an impossible time.
select s.received_at as "Received",
       'signal' as "Of",
       s.occurred_at as "By its own clock",
       extract(epoch from s.occurred_at - s.received_at)::double precision as "Off by",
       s.kind as "Detail"
  from feederline.signal s
 where s.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(s.received_at) and s.occurred_at is not null
   and s.detail not like 'retained%' and s.detail not like 'redelivered%'
   and abs(extract(epoch from s.occurred_at - s.received_at)) > feederline.setting_number('max_clock_error_s')
union all
(select r.received_at, 'reading', null, null, null
   from feederline.reading r
  where r.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
    and $__timeFilter(r.measured_at) and r.quality & 8 <> 0
  order by r.measured_at desc
  limit 200)
 order by 1 desc
 limit 200
