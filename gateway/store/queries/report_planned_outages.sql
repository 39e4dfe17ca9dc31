select p.*, n.name as node_name, n.path
  from planned_outage_now p
  left join node n using (node_id)
 where case %(state)s::text
         when 'active' then not p.withdrawn and p.starts_at <= %(at)s and p.ends_at > %(at)s
         when 'upcoming' then not p.withdrawn and p.starts_at > %(at)s
         when 'past' then not p.withdrawn and p.ends_at <= %(at)s
         when 'withdrawn' then p.withdrawn
         else true
       end
   and (%(reference)s::text is null or p.reference = %(reference)s)
   and (%(node)s::text is null or p.node_id = %(node)s)
   and (%(below)s::text[] is null or p.node_id in (select nodes_below(%(below)s)))
   and (%(before)s::timestamptz is null or p.starts_at < %(before)s)
 order by p.starts_at desc, p.reference, p.node_id
 limit %(limit)s
