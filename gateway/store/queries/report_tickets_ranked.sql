select t.*, n.name as node_name, i.kind, i.summary
  from ticket t
  join incident i using (incident_id)
  left join node n on n.node_id = t.node_id
  cross join lateral (
      select coalesce(sum(d.customers) filter (where d.priority in ('critical', 'lifeline')), 0) as critical,
             coalesce(sum(d.customers) filter (where d.priority = 'public_welfare'), 0) as public_welfare,
             coalesce(sum(d.customers) filter (where d.priority = 'important'), 0) as important
        from incident_device m join device d using (device_key)
       where m.incident_id = t.incident_id and d.priority <> '') p
 where t.state not in ('closed', 'merged', 'cancelled')
   and (%(state)s::text is null or t.state = %(state)s)
   and (%(severities)s::integer[] is null or t.severity = any(%(severities)s::integer[]))
   and (%(area)s::text is null or t.area = %(area)s)
   and (%(kind)s::text is null or i.kind = %(kind)s)
   and (%(drill)s::boolean is null or (t.drill <> '') = %(drill)s)
   and (%(late)s::boolean is null or %(late)s = is_late(t))
   and (%(text)s::text is null or %(text)s in (t.number::text, '#' || t.number)
        or position(lower(%(text)s) in lower(concat_ws(' ', t.title, t.node_id, n.name, t.incident_id, t.crew))) > 0)
   and (%(below)s::text[] is null or t.node_id in (select nodes_below(%(below)s)))
 order by t.severity, p.critical desc, p.public_welfare desc, p.important desc, t.customers desc, t.opened_at, t.number
 limit %(limit)s offset %(skip)s
