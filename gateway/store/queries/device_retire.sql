update device d set listed = false, changed_at = now()
 where d.listed and not exists (select from device_staging s where s.device_id = d.device_id and s.listed)
