-- Points with the most time out of GB/T 12325, of the days that begin in the range; compliance is of all their observed time.
with worst as materialized (
    select q.device_key, sum(q.out_min) as out_min, sum(q.low_min) as low_min, sum(q.high_min) as high_min,
           sum(q.lost_min) as lost_min, sum(q.sags) as sags, sum(q.swells) as swells
      from feederline.quality_day q
      join feederline.device d on d.device_key = q.device_key and d.customers > 0
     where $__timeFilter(q.starts_at) and (q.out_min > 0 or q.lost_min > 0 or q.sags > 0 or q.swells > 0)
       and ('*' in (${feeder:sqlstring})
            or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
     group by q.device_key
     order by sum(q.out_min) desc nulls last, q.device_key
     limit 100
)
select d.device_id as "Device",
       t.node_id as "Transformer",
       d.customers as "Customers",
       1 - w.out_min::double precision / nullif(a.observed_min, 0) as "Compliance",
       w.low_min as "Too low",
       w.high_min as "Too high",
       w.lost_min as "Phase lost",
       a.mean_low as "Lowest mean",
       a.mean_high as "Highest mean",
       w.sags as "Sags",
       w.swells as "Swells"
  from worst w
  join feederline.device d using (device_key)
  left join feederline.node t on t.node_key = d.transformer_key
 cross join lateral (select sum(q.observed_min) as observed_min, min(q.mean_low) as mean_low, max(q.mean_high) as mean_high
                       from feederline.quality_day q
                      where q.device_key = w.device_key and $__timeFilter(q.starts_at)) a
 order by w.out_min desc nulls last, d.device_id
