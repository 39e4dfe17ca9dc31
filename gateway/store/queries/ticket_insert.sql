insert into ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at, updated_at,
                    closed_at, started_at, incident_revision, revision)
values (%(ticket_id)s, %(number)s, %(incident_id)s, %(state)s, %(severity)s, %(node_id)s, %(title)s, %(customers)s,
        %(opened_at)s, %(updated_at)s, %(closed_at)s, %(started_at)s, %(incident_revision)s, %(revision)s)
