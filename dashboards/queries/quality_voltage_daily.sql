-- The lowest and highest 10-min means of the points that serve customers on each local day, as shares of nominal: what the
-- lowest twentieth of them went down to, the middle of all, what the highest twentieth went up to.
select q.starts_at as "time",
       percentile_cont(0.05) within group (order by q.mean_low) as "Low end (5 %)",
       percentile_cont(0.5) within group (order by (q.mean_low + q.mean_high) / 2) as "Middle",
       percentile_cont(0.95) within group (order by q.mean_high) as "High end (95 %)",
       feederline.setting_number('voltage_low_ratio') as "Lower limit",
       feederline.setting_number('voltage_high_ratio') as "Upper limit"
  from feederline.quality_day q
  join feederline.device d on d.device_key = q.device_key and d.customers > 0
 where $__timeFilter(q.starts_at) and q.mean_low is not null
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.starts_at
 order by q.starts_at
