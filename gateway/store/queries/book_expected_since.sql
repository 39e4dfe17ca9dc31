select d.device_key,
       (extract(epoch from least(d.created_at,
           (select r.measured_at from reading r
             where r.device_key = d.device_key and r.measured_at < d.created_at
             order by r.measured_at limit 1)
       )) * 1000000)::bigint
  from device d
 where d.device_key = any(%(devices)s)
