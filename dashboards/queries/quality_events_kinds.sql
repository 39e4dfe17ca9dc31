-- Events of meters by kind: those that go on, and those that began in the range.
select e.kind as "Event",
       count(*) filter (where e.ended_at is null) as "Going on",
       count(distinct e.device_key) filter (where e.ended_at is null) as "Devices",
       count(*) filter (where $__timeFilter(e.started_at)) as "Begun in the range"
  from feederline.meter_event e
  join feederline.device d using (device_key)
 where (e.ended_at is null or $__timeFilter(e.started_at))
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by e.kind
 order by 2 desc, 4 desc, 1
