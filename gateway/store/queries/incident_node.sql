select node_id from incident where incident_id = %(incident)s
