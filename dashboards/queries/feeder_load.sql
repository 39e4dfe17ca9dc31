-- Measured active power of feeders, kW: of the terminals at their transformers, a mean per step of each, summed. Transformers
-- without a measurement in a step are missing from its sum. From six hours per point on, means of days.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 21600000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), terminal as (
    select d.device_key, f.node_id as feeder, coalesce(nullif(f.name, ''), f.node_id) as name
      from feederline.device d
      join feederline.node t on t.node_key = d.node_key and t.kind = 'transformer'
      join feederline.node f on f.node_key = d.feeder_key
     where d.customers = 0 and d.kind <> 'concentrator' and d.listed
       and ('*' in (${feeder:sqlstring}) or f.node_id in (${feeder:sqlstring}))
), named as (
    select t.feeder, case when count(*) over (partition by t.name) > 1 then format('%s (%s)', t.name, t.feeder) else t.name end as name
      from terminal t
     group by t.feeder, t.name
), piece as (
    select device_key, measured_at as at, active_power as p
      from feederline.reading
     where device_key = any (array(select t.device_key from terminal t))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select device_key, bucket, active_power_avg
      from feederline.reading_15min
     where device_key = any (array(select t.device_key from terminal t))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select device_key, bucket, active_power_avg
      from feederline.reading_hourly
     where device_key = any (array(select t.device_key from terminal t))
       and $__interval_ms >= 3600000 and $__interval_ms < 21600000 and $__timeFilter(bucket)
    union all
    select device_key, bucket, active_power_avg
      from feederline.reading_daily
     where device_key = any (array(select t.device_key from terminal t))
       and $__interval_ms >= 21600000 and $__timeFilter(bucket)
), mean as (
    select p.device_key, date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as at, avg(p.p) as p
      from step s, piece p
     where p.p is not null
     group by 1, 2
)
select m.at as "time", n.name as "metric", sum(m.p) / 1000 as "value"
  from mean m join terminal t using (device_key) join named n using (feeder)
 group by m.at, n.name
 order by m.at, n.name
