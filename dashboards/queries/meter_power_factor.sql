-- Power factor as one device measured it; the limit is that of its class on the days that were accounted.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, power_factor as f, power_factor as low
      from feederline.reading
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, power_factor_avg, power_factor_min
      from feederline.reading_15min
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, power_factor_avg, power_factor_min
      from feederline.reading_hourly
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, power_factor_avg, power_factor_min
      from feederline.reading_daily
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
), limits as (
    select max(q.power_factor_limit) as least
      from feederline.quality_day q
     where q.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and q.starts_at >= timestamptz $__timeTo() - interval '7 days'
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(p.f) as "Power factor",
       min(p.low) as "Lowest",
       max(l.least) as "Lower limit"
  from step s, limits l, piece p
 group by 1
having count(p.f) > 0
 order by 1
