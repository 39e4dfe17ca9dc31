select t.*, i.kind from ticket t join incident i using (incident_id) where t.ticket_id = %(ticket)s
