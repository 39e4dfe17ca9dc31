-- Transformers whose customers had the least time within GB/T 12325, of the days that begin in the range.
select t.node_id as "Transformer",
       t.name as "Name",
       1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as "Compliance",
       count(distinct q.device_key) as "Points",
       sum(q.low_min) as "Too low",
       sum(q.high_min) as "Too high"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
  left join feederline.node t on t.node_key = d.transformer_key
 where $__timeFilter(q.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by t.node_id, t.name
 order by 3 nulls last, t.node_id
 limit 50
