-- Shares of the time with a known voltage unbalance that were above 2 % and above 4 %, by local day (GB/T 15543).
select q.day as "time",
       sum(q.unbalance_2_min)::double precision / nullif(sum(q.unbalance_min), 0) as "Above 2 %",
       sum(q.unbalance_4_min)::double precision / nullif(sum(q.unbalance_min), 0) as "Above 4 %"
  from feederline.quality_by_day q
 where $__timeFilter(q.day) and q.unbalance_min > 0
   and ('*' in (${feeder:sqlstring})
        or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.day
 order by q.day
