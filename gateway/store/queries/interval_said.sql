select e.edit_id, d.device_id, quantity_word(e.quantity) as quantity, e.starts_at, e.ends_at, e.value, e.made_at, e.made_by,
       e.reason
  from interval_edit e join device d using (device_key) left join node n using (node_key)
 where (%(device)s::text is null or d.device_id = %(device)s)
   and (%(below)s::text[] is null or n.node_id in (select nodes_below(%(below)s::text[])))
   and (%(before)s::timestamptz is null or e.made_at < %(before)s)
 order by e.made_at desc, e.edit_id desc
 limit %(limit)s
