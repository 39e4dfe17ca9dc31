-- Energy that people put or took back, newest first.
select e.made_at as "At",
       d.device_id as "Device",
       feederline.quantity_word(e.quantity) as "Quantity",
       e.starts_at as "From",
       e.ends_at as "To",
       e.value as "Energy",
       e.made_by as "By",
       e.reason as "Reason"
  from feederline.interval_edit e
  join feederline.device d using (device_key)
 where $__timeFilter(e.made_at)
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 order by e.made_at desc
 limit 200
