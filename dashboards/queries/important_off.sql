-- Important customers without supply, or of whom nobody knows, the most important first.
select d.device_id as "Device",
       d.priority as "Priority",
       w.state as "Supply",
       w.since as "Since",
       coalesce(nullif(n.name, ''), n.node_id) as "Place",
       w.customers as "Customers",
       w.incident_id as "incident_id",
       n.node_id as "node_id"
  from feederline.without_supply_now w
  join feederline.device d using (device_key)
  join feederline.node n on n.node_key = d.node_key
 where d.priority <> ''
 order by array_position(array['critical', 'public_welfare', 'important'], d.priority), w.state, w.since
 limit 100
