-- Load and heat of one transformer by local day, newest first.
select to_char(t.starts_at at time zone coalesce(feederline.setting_text('time_zone'), 'UTC'), 'YYYY-MM-DD') as "Day",
       t.mean_kva as "Mean load",
       t.peak_kva as "Peak load",
       t.peak_kva / nullif(t.rated_kva, 0) as "Peak of rating",
       t.peak_at as "Peak at",
       t.heavy_min as "Heavy load",
       t.overload_min as "Overload",
       t.overload_longest_min as "Longest overload",
       t.reverse_min as "Fed back",
       t.reverse_kw as "Most fed back",
       t.temperature_high as "Highest temperature",
       t.hot_min as "Too hot",
       t.observed_min as "Observed"
  from feederline.transformer_day t
 where t.device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
   and $__timeFilter(t.starts_at)
 order by t.starts_at desc
 limit 400
