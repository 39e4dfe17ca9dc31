-- Events of the meters below one transformer, those that go on first, then the newest.
select e.started_at as "From",
       e.ended_at as "To",
       d.device_id as "Device",
       e.kind as "Event",
       nullif(e.phase, '') as "Phase",
       e.severe as "Severe",
       e.extreme as "Furthest value",
       e.bound as "Limit",
       e.source as "Found by"
  from feederline.device d
  join feederline.meter_event e using (device_key)
 where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
   and d.listed and e.started_at < $__timeTo() and (e.ended_at is null or e.ended_at > $__timeFrom())
 order by e.ended_at is not null, e.started_at desc
 limit 200
