insert into ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at, updated_at,
                    closed_at, started_at, incident_revision, area, drill, clocks_from, acknowledged_at, dispatched_at,
                    arrived_at, restored_at, restoration_estimated_at, crew, cause, ended_by, told, warned, revision)
values (%(ticket_id)s, %(number)s, %(incident_id)s, %(state)s, %(severity)s, %(node_id)s, %(title)s, %(customers)s,
        %(opened_at)s, %(updated_at)s, %(closed_at)s, %(started_at)s, %(incident_revision)s, %(area)s, %(drill)s,
        %(clocks_from)s, %(acknowledged_at)s, %(dispatched_at)s, %(arrived_at)s, %(restored_at)s,
        %(restoration_estimated_at)s, %(crew)s, %(cause)s, %(ended_by)s, %(told)s, %(warned)s, %(revision)s)
