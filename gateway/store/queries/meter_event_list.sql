-- Newest first; any of the conditions may be null.
select d.device_id, coalesce(n.node_id, '') as node_id, e.kind, e.phase, e.started_at, e.ended_at, e.severe, e.extreme,
       e.bound, e.source
  from meter_event e join device d using (device_key) left join node n using (node_key)
 where (%(device)s::text is null or d.device_id = %(device)s)
   and (%(kind)s::text is null or e.kind = %(kind)s)
   and (%(ended)s::boolean is null or (e.ended_at is not null) = %(ended)s)
   and (%(below)s::text[] is null or n.node_id in (select nodes_below(%(below)s::text[])))
   and e.started_at < %(till)s and coalesce(e.ended_at > %(frm)s, true)
 order by e.started_at desc, d.device_id, e.kind, e.phase
 limit %(limit)s
