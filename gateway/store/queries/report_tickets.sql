select t.*, n.name as node_name, i.kind, i.summary
  from ticket t
  join incident i using (incident_id)
  left join node n on n.node_id = t.node_id
 where (%(ticket)s::text is null or t.ticket_id = %(ticket)s)
   and (%(state)s::text is null or t.state = %(state)s)
   and (not %(live)s or t.state not in ('closed', 'merged', 'cancelled'))
   and (%(severities)s::integer[] is null or t.severity = any(%(severities)s::integer[]))
   and (%(area)s::text is null or t.area = %(area)s)
   and (%(kind)s::text is null or i.kind = %(kind)s)
   and (%(drill)s::boolean is null or (t.drill <> '') = %(drill)s)
   and (%(late)s::boolean is null or %(late)s = is_late(t))
   and (%(text)s::text is null or %(text)s in (t.number::text, '#' || t.number)
        or position(lower(%(text)s) in lower(concat_ws(' ', t.title, t.node_id, n.name, t.incident_id, t.crew))) > 0)
   and (%(below)s::text[] is null or t.node_id in (select nodes_below(%(below)s)))
   and (%(before)s::timestamptz is null or t.opened_at < %(before)s)
 order by t.opened_at desc, t.number desc
 limit %(limit)s
