-- What validation found in imported energy on the last whole day that was accounted, by rule.
select r.rule as "Rule",
       count(*) as "Intervals",
       count(distinct i.device_key) as "Devices",
       sum(i.value) as "Energy"
  from (select (select max(l.day) from feederline.collection_day l
                 where l.day <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours') as day) l
  join feederline.interval i on i.starts_at >= l.day
                             and i.starts_at < date_add(l.day, interval '1 day', coalesce(feederline.setting_text('time_zone'), 'UTC'))
  join feederline.device d using (device_key)
 cross join lateral unnest(feederline.rule_words(i.rules)) as r (rule)
 where i.quantity = 27 and i.rules <> 0
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by r.rule
 order by 2 desc, 1
