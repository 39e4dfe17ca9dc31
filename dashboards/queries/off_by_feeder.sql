-- Feeders with customers without supply at this moment, the most first.
select coalesce(nullif(n.name, ''), n.node_id, '–') as "Feeder",
       coalesce(sum(w.customers) filter (where w.state = 'off'), 0) as "Off",
       coalesce(sum(w.customers) filter (where w.state = 'unknown'), 0) as "Unknown"
  from feederline.without_supply_now w
  join feederline.device d using (device_key)
  left join feederline.node n on n.node_key = d.feeder_key
 group by n.node_key, n.name, n.node_id
 order by 2 desc, 3 desc, 1
 limit 12
