select incident_id, array_agg(device_key order by device_key)
  from incident_device
 where incident_id = any(%(incidents)s)
 group by incident_id
