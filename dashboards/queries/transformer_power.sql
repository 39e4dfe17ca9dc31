-- Active power of one transformer as measured, kW; below zero is fed back.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, active_power as p
      from feederline.reading
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, active_power_avg
      from feederline.reading_15min
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, active_power_avg
      from feederline.reading_hourly
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, active_power_avg
      from feederline.reading_daily
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time", avg(p.p) / 1000 as "Measured"
  from step s, piece p
 group by 1
having count(p.p) > 0
 order by 1
