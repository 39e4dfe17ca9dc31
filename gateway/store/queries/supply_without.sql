select d.device_id, w.state, w.since, w.incident_id
  from without_supply_now w join device d using (device_key)
