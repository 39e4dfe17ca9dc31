-- Registers of one device as it counts them: the highest value of each step.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, energy_import as i, energy_export as e, reactive_energy_import as ri, reactive_energy_export as re
      from feederline.reading
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, energy_import_max, energy_export_max, reactive_energy_import_max, reactive_energy_export_max
      from feederline.reading_15min
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, energy_import_max, energy_export_max, reactive_energy_import_max, reactive_energy_export_max
      from feederline.reading_hourly
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, energy_import_max, energy_export_max, reactive_energy_import_max, reactive_energy_export_max
      from feederline.reading_daily
     where device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       max(p.i) as "Import",
       max(p.e) as "Export",
       max(p.ri) as "Reactive import",
       max(p.re) as "Reactive export"
  from step s, piece p
 group by 1
having count(coalesce(p.i, p.e, p.ri, p.re)) > 0
 order by 1
