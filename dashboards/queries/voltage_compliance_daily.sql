-- Share of observed time within GB/T 12325 of the points that serve customers, by local day.
select q.day as "time",
       1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as "Voltage compliance"
  from feederline.quality_by_day q
 where $__timeFilter(q.day) and q.serving
   and ('*' in (${feeder:sqlstring})
        or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.day
 order by q.day
