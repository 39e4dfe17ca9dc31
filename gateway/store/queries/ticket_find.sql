select t.ticket_id
  from ticket t
 where t.ticket_id = %(key)s or t.incident_id = %(key)s
    or t.ticket_id in (select r.ticket_id from ticket_reference r
                        where r.target = %(target)s and r.reference = %(key)s)
 order by t.ticket_id = %(key)s desc, t.incident_id = %(key)s desc, t.opened_at desc
 limit 1
