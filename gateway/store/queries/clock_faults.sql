select d.device_id, d.node_key, n.node_id, c.signals, c.readings, c.last_at, c.error_s
  from clock_faults(%(at)s::timestamptz) c
  join device d using (device_key)
  left join node n using (node_key)
 order by c.last_at desc, d.device_id
 limit %(limit)s
