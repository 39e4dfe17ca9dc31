select i.*, n.name as node_name, n.path, t.ticket_id, t.number,
       (select count(*) from incident_device m where m.incident_id = i.incident_id) as device_count,
       (select array_agg(m.device_id order by m.device_id)
          from (select d.device_id
                  from incident_device m join device d using (device_key)
                 where m.incident_id = i.incident_id
                 order by d.device_id
                 limit %(members)s) m) as device_ids
  from incident i
  left join node n using (node_id)
  left join ticket t using (incident_id)
 where (%(incident)s::text is null or i.incident_id = %(incident)s)
   and (%(state)s::text is null or i.state = %(state)s)
   and (not %(live)s or i.state in ('open', 'restored'))
   and (%(kind)s::text is null or i.kind = %(kind)s)
   and (%(drill)s::boolean is null or (i.drill <> '') = %(drill)s)
   and (%(parent)s::text is null or i.parent = %(parent)s)
   and (%(text)s::text is null
        or position(lower(%(text)s) in lower(concat_ws(' ', i.summary, i.node_id, n.name, i.incident_id))) > 0)
   and (%(below)s::text[] is null or i.node_id in (select nodes_below(%(below)s)))
   and (%(before)s::timestamptz is null or i.started_at < %(before)s)
 order by i.started_at desc, i.incident_id
 limit %(limit)s
