select d.device_id, r.measured_at
  from device d
 cross join lateral (select measured_at from reading
                      where device_key = d.device_key and measured_at > %(since)s
                      order by measured_at desc limit 1) r
 where d.device_id = any(%(devices)s)
