-- Drivers that run (the least within each step), and those that wait to be started again and alarms that stand (the most).
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       min(m.drivers_running) as "Drivers that run",
       max(m.drivers_waiting) as "Drivers that wait",
       max(m.alarms) as "Alarms"
  from (select m.at, m.drivers_running, m.drivers_waiting, m.alarms
          from feederline.gateway_minute m
         where $__interval_ms < 3600000 and $__timeFilter(m.at)
        union all
        select h.hour, h.drivers_running, h.drivers_waiting, h.alarms
          from feederline.gateway_hour h
         where $__interval_ms >= 3600000 and $__timeFilter(h.hour)) m
 group by 1
 order by 1
