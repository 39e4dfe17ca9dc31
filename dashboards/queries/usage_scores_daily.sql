-- Customers by the score of their judged day: how many there were in each band.
select u.day::timestamp at time zone coalesce(feederline.setting_text('time_zone'), 'UTC') as "time",
       count(*) filter (where u.score >= o.score) as "Opens an incident",
       count(*) filter (where u.score >= 0.5 and (u.score >= o.score) is not true) as "From 0.5",
       count(*) filter (where u.score >= 0.2 and u.score < 0.5) as "From 0.2",
       count(*) filter (where u.score >= 0.05 and u.score < 0.2) as "From 0.05"
  from feederline.usage_day u
  join feederline.device d using (device_key)
  join (values (true, feederline.setting_number('usage_open_score')), (false, feederline.setting_number('usage_open_area_score')))
    as o (serving, score) on o.serving = (d.customers > 0)
 where u.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by u.day
 order by u.day
