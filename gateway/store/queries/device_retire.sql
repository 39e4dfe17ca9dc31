update device d set listed = false, unlisted_at = now(), changed_at = now()
 where d.listed and not exists (select from device_staging s where s.device_id = d.device_id and s.listed)
