-- Transformers that were heavily loaded, fed back or too hot, of the days that begin in the range; by their highest peak.
select n.node_id as "Transformer",
       n.name as "Name",
       max(t.rated_kva) as "Rated",
       max(t.peak_kva / nullif(t.rated_kva, 0)) as "Peak of rating",
       sum(t.heavy_min) as "Heavy load",
       sum(t.overload_min) as "Overload",
       sum(t.reverse_min) as "Fed back",
       max(t.temperature_high) as "Highest temperature",
       sum(t.hot_min) as "Too hot"
  from feederline.transformer_day t
  join feederline.device d using (device_key)
  join feederline.node n using (node_key)
 where $__timeFilter(t.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by n.node_id, n.name
 order by 4 desc nulls last, n.node_id
 limit 50
