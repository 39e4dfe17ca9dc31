select d.device_id, d.kind, d.customers, d.priority, d.phases, n.node_id, n.name as node_name,
       x.state, x.step, x.started_at, x.ended_at
  from incident_device m
  join device d using (device_key)
  left join node n using (node_key)
  left join lateral (
      select state, step, started_at, ended_at
        from interruption
       where incident_id = m.incident_id and device_key = m.device_key
       order by step desc
       limit 1) x on true
 where m.incident_id = %(incident)s and (%(after)s::text is null or d.device_id > %(after)s)
 order by d.device_id
 limit %(limit)s
