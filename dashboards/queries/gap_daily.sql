-- Intervals of the gaps that began on each local day: what has come since, and what still lacks.
select date_trunc('day', g.starts_at, feederline.setting_text('time_zone')) as "time",
       sum(g.filled) as "Come since",
       sum(g.intervals - g.filled) as "Still lacking"
  from feederline.gap g
  join feederline.device d using (device_key)
 where $__timeFilter(g.starts_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by 1
 order by 1
