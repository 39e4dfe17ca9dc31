-- Phase-to-neutral voltages of one device with the limits that hold for it. Lowest and highest are of single readings;
-- from 15 minutes per point on, everything is of the rollups. A dead phase is drawn as it is.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, voltage_a as a, voltage_b as b, voltage_c as c, least(voltage_a, voltage_b, voltage_c) as low,
           greatest(voltage_a, voltage_b, voltage_c) as high
      from feederline.reading
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_15min
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_hourly
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_daily
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
), limits as (
    select d.nominal_v * feederline.setting_number(
               case when length(d.phases) = 1 then 'voltage_low_ratio' else 'voltage_three_phase_low_ratio' end) as low,
           d.nominal_v * feederline.setting_number(
               case when length(d.phases) = 1 then 'voltage_high_ratio' else 'voltage_three_phase_high_ratio' end) as high
      from feederline.device d
     where d.device_id = ${device:sqlstring}
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(p.a) as "Phase A",
       avg(p.b) as "Phase B",
       avg(p.c) as "Phase C",
       min(p.low) as "Lowest",
       max(p.high) as "Highest",
       min(l.low) as "Lower limit",
       max(l.high) as "Upper limit"
  from step s, limits l, piece p
 group by 1
having count(p.low) > 0
 order by 1
