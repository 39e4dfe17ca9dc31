delete from incident_device where incident_id = %(incident)s and device_key <> all(%(devices)s::integer[])
