-- How the time of the points that serve customers was spent out of limits, by local day: hours of single points.
select q.day as "time",
       sum(q.low_min) / 60 as "Too low",
       sum(q.high_min) / 60 as "Too high",
       sum(q.lost_min) / 60 as "Phase lost"
  from feederline.quality_by_day q
 where $__timeFilter(q.day) and q.serving
   and ('*' in (${feeder:sqlstring})
        or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.day
 order by q.day
