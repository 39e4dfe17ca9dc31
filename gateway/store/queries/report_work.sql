-- Real tickets opened in the window, latest revision.
select t.*, i.kind
  from ticket t
  join incident i using (incident_id)
 where t.drill = '' and t.opened_at >= %(frm)s and t.opened_at < %(to)s
 order by t.opened_at, t.number
