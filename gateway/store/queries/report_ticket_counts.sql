select state, count(*) as tickets,
       count(*) filter (where is_late(t)) as late
  from ticket t
 where state not in ('closed', 'merged', 'cancelled') and drill = ''
   and (%(below)s::text[] is null or t.node_id in (select nodes_below(%(below)s)))
 group by state
