-- Load of one transformer as the terminal at its place measures it, against its rating; kVA. From 15 minutes per point on,
-- of mean active and reactive power; the highest then is of the active power alone.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, coalesce(apparent_power, sqrt(active_power ^ 2 + coalesce(reactive_power, 0) ^ 2)) as load,
           coalesce(apparent_power, sqrt(active_power ^ 2 + coalesce(reactive_power, 0) ^ 2)) as high
      from feederline.reading
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, sqrt(active_power_avg ^ 2 + coalesce(reactive_power_avg, 0) ^ 2), active_power_max
      from feederline.reading_15min
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, sqrt(active_power_avg ^ 2 + coalesce(reactive_power_avg, 0) ^ 2), active_power_max
      from feederline.reading_hourly
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, sqrt(active_power_avg ^ 2 + coalesce(reactive_power_avg, 0) ^ 2), active_power_max
      from feederline.reading_daily
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
), rating as (
    select feederline.listed_number(n.attributes ->> 'rated_kva') as kva
      from feederline.node n
     where n.node_id = ${transformer:sqlstring}
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(p.load) / 1000 as "Load",
       greatest(max(p.high), avg(p.load)) / 1000 as "Highest",
       max(r.kva) * feederline.setting_number('heavy_load_ratio') as "Heavy load",
       max(r.kva) * feederline.setting_number('overload_ratio') as "Overload"
  from step s, rating r, piece p
 group by 1
having count(p.load) > 0
 order by 1
