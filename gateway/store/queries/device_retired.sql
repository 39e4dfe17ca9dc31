select d.device_key, coalesce(n.node_id, '') as node_id
  from device d left join node n using (node_key)
 where d.device_id = %(device)s and not d.listed
