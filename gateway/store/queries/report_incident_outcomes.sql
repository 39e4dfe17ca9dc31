-- Real incidents that started in the window; withdrawn: by a person.
select kind, state, count(*) as incidents, count(*) filter (where ended_by <> '') as by_people,
       count(*) filter (where exists (select from ticket t where t.incident_id = i.incident_id)) as tickets
  from incident i
 where drill = '' and started_at >= %(frm)s and started_at < %(to)s
 group by kind, state
 order by kind, state
