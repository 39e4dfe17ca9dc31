-- Points with the least time within GB/T 12325, of the days that begin in the range.
select d.device_id as "Device",
       t.node_id as "Transformer",
       d.customers as "Customers",
       1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as "Compliance",
       sum(q.low_min) as "Too low",
       sum(q.high_min) as "Too high",
       sum(q.lost_min) as "Phase lost",
       min(q.mean_low) as "Lowest mean",
       max(q.mean_high) as "Highest mean",
       sum(q.sags) as "Sags",
       sum(q.swells) as "Swells"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
  left join feederline.node t on t.node_key = d.transformer_key
 where $__timeFilter(q.starts_at) and (q.out_min > 0 or q.lost_min > 0 or q.sags > 0 or q.swells > 0)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by d.device_id, d.customers, t.node_id
 order by sum(q.out_min) desc nulls last, d.device_id
 limit 100
