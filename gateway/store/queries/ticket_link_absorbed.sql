insert into ticket_link (ticket_id, other_id, kind, at)
select t.ticket_id, o.ticket_id, 'merged_into', %(at)s
  from incident i
  join ticket t on t.incident_id = i.incident_id
  join ticket o on o.incident_id = i.parent
 where i.parent = any(%(incidents)s::text[]) and i.parent <> '' and i.state = 'merged'
on conflict do nothing
