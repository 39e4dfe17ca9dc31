-- Intervals of one device of which something is to be said: a rule found something, or they are not simply valid.
select i.starts_at as "From",
       i.ends_at as "To",
       i.quantity as "Quantity",
       i.raw as "Measured difference",
       i.value as "Energy",
       i.status as "Status",
       array_to_string(i.rules, ', ') as "Rules",
       i.version as "Version",
       i.final as "Final",
       i.edited_by as "By",
       i.edit_reason as "Reason"
  from feederline.interval_validated i
 where i.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(i.starts_at) and (i.status <> 'valid' or cardinality(i.rules) > 0)
 order by i.starts_at desc, i.quantity
 limit 500
