-- The score of one customer's usage by judged day; days that gave no score worth keeping are not there.
select u.day::timestamp at time zone coalesce(feederline.setting_text('time_zone'), 'UTC') as "time",
       u.score as "Score",
       feederline.setting_number(case when d.customers > 0 then 'usage_open_score' else 'usage_open_area_score' end)
         as "Opens an incident"
  from feederline.usage_day u
  join feederline.device d using (device_key)
 where u.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and u.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
 order by u.day
