-- Runs of readings below 90 % and above 110 % of nominal by local day; a lower bound, as nothing is seen between readings.
select q.starts_at as "time", sum(q.sags) as "Sags", sum(q.swells) as "Swells"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
 where $__timeFilter(q.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.starts_at
 order by q.starts_at
