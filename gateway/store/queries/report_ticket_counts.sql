select state, count(*) as tickets,
       count(*) filter (where is_late(t)) as late
  from ticket t
 where state not in ('closed', 'merged', 'cancelled') and drill = ''
 group by state
