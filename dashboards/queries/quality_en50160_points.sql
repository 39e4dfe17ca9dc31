-- Points that do not meet EN 50160 over the week before the end of the range, the fewest means within 10 % first.
select d.device_id as "Device",
       t.node_id as "Transformer",
       sum(q.means) as "Means",
       sum(q.means_in)::double precision / nullif(sum(q.means), 0) as "Means within 10 %",
       sum(q.means - q.means_wide) as "Means beyond +10/−15 %",
       min(q.mean_low) as "Lowest mean",
       max(q.mean_high) as "Highest mean"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
  left join feederline.node t on t.node_key = d.transformer_key
 where q.starts_at >= timestamptz $__timeTo() - interval '7 days' and q.starts_at < $__timeTo()
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by d.device_id, t.node_id
having sum(q.means) > 0 and not (sum(q.means_in) >= 0.95 * sum(q.means) and sum(q.means_wide) = sum(q.means))
 order by 4, d.device_id
 limit 100
