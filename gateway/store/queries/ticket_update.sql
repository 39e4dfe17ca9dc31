update ticket
   set state = %(state)s, severity = %(severity)s, node_id = %(node_id)s, title = %(title)s,
       customers = %(customers)s, updated_at = %(updated_at)s, closed_at = %(closed_at)s,
       started_at = %(started_at)s, incident_revision = %(incident_revision)s, revision = %(revision)s
 where ticket_id = %(ticket_id)s
