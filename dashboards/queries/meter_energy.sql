-- Imported energy of one device as it stands, by how its intervals were come by; by local day where a point is half a
-- day or longer.
select case when $__interval_ms >= 43200000 then date_trunc('day', i.starts_at, feederline.setting_text('time_zone'))
            else date_bin(make_interval(secs => ceil($__interval_ms / 900000.0) * 900), i.starts_at,
                          timestamptz '2000-01-01 00:00:00+00') end as "time",
       sum(i.value) filter (where i.status = 3) as "Valid",
       sum(i.value) filter (where i.status = 2) as "Suspect",
       sum(i.value) filter (where i.status = 1) as "Estimated",
       sum(i.value) filter (where i.status = 4) as "Edited",
       sum(e.value) as "Export"
  from feederline.interval i
  left join feederline.interval e on e.device_key = i.device_key and e.quantity = 28 and e.starts_at = i.starts_at
                                 and e.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
                                 and $__timeFilter(e.starts_at)
 where i.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and i.quantity = 27 and $__timeFilter(i.starts_at)
 group by 1
 order by 1
