-- Frequency as one device measured it, with the band of the settings.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, frequency as f, frequency as low, frequency as high
      from feederline.reading
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, frequency_avg, frequency_min, frequency_max
      from feederline.reading_15min
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, frequency_avg, frequency_min, frequency_max
      from feederline.reading_hourly
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, frequency_avg, frequency_min, frequency_max
      from feederline.reading_daily
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(p.f) as "Frequency",
       min(p.low) as "Lowest",
       max(p.high) as "Highest",
       feederline.setting_number('nominal_hz') - feederline.setting_number('frequency_band_hz') as "Lower limit",
       feederline.setting_number('nominal_hz') + feederline.setting_number('frequency_band_hz') as "Upper limit"
  from step s, piece p
 group by 1
having count(p.f) > 0
 order by 1
