-- What was found wrong at one meter, or what it told itself, newest first.
select e.started_at as "From",
       e.ended_at as "To",
       e.kind as "Event",
       nullif(e.phase, '') as "Phase",
       e.severe as "Severe",
       e.extreme as "Furthest value",
       e.bound as "Limit",
       e.source as "Found by"
  from feederline.meter_event e
 where e.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and e.started_at < $__timeTo() and (e.ended_at is null or e.ended_at > $__timeFrom())
 order by e.started_at desc, e.kind, e.phase
 limit 200
