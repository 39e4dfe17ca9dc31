select * from incident where incident_id = %(incident)s
