update ticket
   set state = %(state)s, severity = %(severity)s, node_id = %(node_id)s, title = %(title)s,
       customers = %(customers)s, updated_at = %(updated_at)s, closed_at = %(closed_at)s,
       started_at = %(started_at)s, incident_revision = %(incident_revision)s, area = %(area)s,
       clocks_from = %(clocks_from)s, acknowledged_at = %(acknowledged_at)s, dispatched_at = %(dispatched_at)s,
       arrived_at = %(arrived_at)s, restored_at = %(restored_at)s,
       restoration_estimated_at = %(restoration_estimated_at)s, crew = %(crew)s, cause = %(cause)s,
       ended_by = %(ended_by)s, told = %(told)s, warned = %(warned)s, revision = %(revision)s
 where ticket_id = %(ticket_id)s
