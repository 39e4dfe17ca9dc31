-- What one device is, and where it hangs.
select d.device_id as "Device",
       d.kind as "Kind",
       d.listed as "Listed",
       coalesce(nullif(n.name, ''), n.node_id) as "Place",
       t.node_id as "Transformer",
       f.node_id as "Feeder",
       v.device_id as "Through",
       d.phases as "Phases",
       d.nominal_v as "Nominal voltage",
       d.interval_s as "Reports every",
       d.customers as "Customers",
       nullif(d.priority, '') as "Priority",
       d.attributes ->> 'customer_class' as "Class",
       d.protocol as "Protocol",
       d.profile as "Profile",
       n.node_id as "node_id"
  from feederline.device d
  left join feederline.node n using (node_key)
  left join feederline.node t on t.node_key = d.transformer_key
  left join feederline.node f on f.node_key = d.feeder_key
  left join feederline.device v on v.device_key = d.via_key
 where d.device_id = ${device:sqlstring}
