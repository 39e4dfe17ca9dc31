-- Events of meters that go on now, severe ones first, then the newest.
select e.started_at as "Since",
       d.device_id as "Device",
       t.node_id as "Transformer",
       e.kind as "Event",
       nullif(e.phase, '') as "Phase",
       e.severe as "Severe",
       e.extreme as "Furthest value",
       e.bound as "Limit",
       e.source as "Found by"
  from feederline.meter_event e
  join feederline.device d using (device_key)
  left join feederline.node t on t.node_key = d.transformer_key
 where e.ended_at is null and d.listed
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 order by e.severe desc, e.started_at desc
 limit 200
