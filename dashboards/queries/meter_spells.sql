-- Interruptions and unknown times of one metering point as they are accounted for, newest first.
select e.started_at as "From",
       e.ended_at as "To",
       extract(epoch from coalesce(e.ended_at, now()) - e.started_at)::double precision as "Duration",
       e.state as "Supply",
       e.kind as "Kind",
       e.customers as "Customers",
       e.corrected as "Corrected",
       e.voided as "Does not count",
       nullif(e.cause, '') as "Cause",
       i.state as "Incident",
       e.incident_id as "incident_id"
  from feederline.effective_interruption e
  join feederline.incident i using (incident_id)
 where e.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and e.started_at < $__timeTo() and (e.ended_at is null or e.ended_at > $__timeFrom())
 order by e.started_at desc
 limit 200
