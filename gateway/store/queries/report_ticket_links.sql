select l.ticket_id as ticket_id, l.other_id, l.kind, l.at, o.number
  from ticket_link l join ticket o on o.ticket_id = l.other_id
 where l.ticket_id = any(%(tickets)s)
union all
select l.other_id, l.ticket_id, case l.kind when 'merged_into' then 'merged_from' else 'split_into' end, l.at, o.number
  from ticket_link l join ticket o on o.ticket_id = l.ticket_id
 where l.other_id = any(%(tickets)s)
 order by at, other_id
