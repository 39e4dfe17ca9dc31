-- Transformers whose customers had the least time within GB/T 12325, of the days that begin in the range.
select t.node_id as "Transformer",
       t.name as "Name",
       1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as "Compliance",
       max(q.points)::bigint as "Points",
       sum(q.low_min) as "Too low",
       sum(q.high_min) as "Too high"
  from (select q.day, q.transformer_key, sum(q.points) as points, sum(q.out_min) as out_min, sum(q.observed_min) as observed_min,
               sum(q.low_min) as low_min, sum(q.high_min) as high_min
          from feederline.quality_by_day q
         where $__timeFilter(q.day) and q.serving
           and ('*' in (${feeder:sqlstring})
                or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
         group by q.day, q.transformer_key) q
  left join feederline.node t on t.node_key = q.transformer_key
 group by t.node_id, t.name
 order by 3 nulls last, t.node_id
 limit 50
