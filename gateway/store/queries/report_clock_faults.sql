select d.device_id, c.signals, c.readings, c.last_at, c.error_s
  from clock_faults(%(to)s::timestamptz, %(to)s::timestamptz - %(frm)s::timestamptz) c
  join device d using (device_key)
 order by c.last_at desc, d.device_id
