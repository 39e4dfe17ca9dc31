-- Runs of readings below 90 % and above 110 % of nominal by local day; a lower bound, as nothing is seen between readings.
select q.day as "time", sum(q.sags)::bigint as "Sags", sum(q.swells)::bigint as "Swells"
  from feederline.quality_by_day q
 where $__timeFilter(q.day) and q.serving
   and ('*' in (${feeder:sqlstring})
        or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.day
 order by q.day
