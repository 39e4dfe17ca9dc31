-- Supply quality of one point by local day, newest first.
select to_char(q.starts_at at time zone coalesce(feederline.setting_text('time_zone'), 'UTC'), 'YYYY-MM-DD') as "Day",
       1 - q.out_min / nullif(q.observed_min, 0) as "Compliance",
       q.observed_min as "Observed",
       q.low_min as "Too low",
       q.high_min as "Too high",
       q.lost_min as "Phase lost",
       q.mean_low as "Lowest mean",
       q.mean_high as "Highest mean",
       q.means_in::double precision / nullif(q.means, 0) as "Means within 10 %",
       q.frequency_low as "Lowest frequency",
       q.frequency_high as "Highest frequency",
       q.unbalance_high as "Highest unbalance",
       q.power_factor as "Power factor",
       q.power_factor_limit as "Limit",
       q.sags as "Sags",
       q.swells as "Swells"
  from feederline.quality_day q
 where q.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(q.starts_at)
 order by q.starts_at desc
 limit 400
