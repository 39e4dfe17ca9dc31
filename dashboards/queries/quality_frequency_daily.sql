-- The lowest and the highest frequency that anybody measured on a local day, and the band of the settings.
select q.day as "time",
       min(q.frequency_low) as "Lowest",
       max(q.frequency_high) as "Highest",
       feederline.setting_number('nominal_hz') - feederline.setting_number('frequency_band_hz') as "Lower limit",
       feederline.setting_number('nominal_hz') + feederline.setting_number('frequency_band_hz') as "Upper limit"
  from feederline.quality_by_day q
 where $__timeFilter(q.day) and q.frequency_min > 0
   and ('*' in (${feeder:sqlstring})
        or q.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by q.day
 order by q.day
