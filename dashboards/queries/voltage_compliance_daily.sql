-- Share of observed time within GB/T 12325 of the points that serve customers, by local day.
select q.starts_at as "time",
       1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as "Voltage compliance"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
 where $__timeFilter(q.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.starts_at
 order by q.starts_at
