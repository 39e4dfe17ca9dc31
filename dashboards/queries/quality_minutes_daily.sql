-- How the time of the points that serve customers was spent out of limits, by local day: hours of single points.
select q.starts_at as "time",
       sum(q.low_min) / 60 as "Too low",
       sum(q.high_min) / 60 as "Too high",
       sum(q.lost_min) / 60 as "Phase lost"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
 where $__timeFilter(q.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.starts_at
 order by q.starts_at
