-- The scores over time of the ten customers that stand out most now.
select u.day::timestamp at time zone coalesce(feederline.setting_text('time_zone'), 'UTC') as "time", d.device_id as "metric", u.score as "value"
  from feederline.usage_day u
  join feederline.device d using (device_key)
 where u.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
   and u.device_key = any (array(
       select w.device_key from feederline.usage_watchlist w
        where '*' in (${feeder:sqlstring}) or w.feeder_id in (${feeder:sqlstring})
        order by w.score desc, w.device_id limit 10))
 order by u.day, d.device_id
