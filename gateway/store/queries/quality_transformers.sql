-- Those loaded most first.
select t.node_id, t.name, t.device_id, max(t.rated_kva) as rated_kva, max(t.peak_kva) as peak_kva,
       max(t.peak_percent) as peak_percent, sum(t.overload_min) as overload_min, sum(t.heavy_min) as heavy_min,
       max(t.overload_longest_min) as overload_longest_min, sum(t.reverse_min) as reverse_min,
       max(t.reverse_kw) as reverse_kw, max(t.temperature_high) as temperature_high, sum(t.hot_min) as hot_min,
       sum(t.observed_min) as observed_min
  from transformer_load t
 where t.starts_at >= %(frm)s and t.starts_at < %(till)s
   and (%(below)s::text[] is null or t.node_id in (select nodes_below(%(below)s::text[])))
 group by t.node_id, t.name, t.device_id
 order by max(t.peak_percent) desc nulls last, t.node_id, t.device_id
 limit %(limit)s
