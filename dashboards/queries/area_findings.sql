-- What the balances found that accuses no customer, newest first.
select to_char(a.day, 'YYYY-MM-DD') as "Day",
       n.node_id as "Transformer",
       a.kind as "Finding",
       d.device_id as "Device",
       o.node_id as "Other transformer",
       a.since as "Since",
       a.words as "In words"
  from feederline.area_finding a
  join feederline.node n on n.node_key = a.transformer_key
  left join feederline.device d on d.device_key = a.device_key
  left join feederline.node o on o.node_key = a.other_key
 where a.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
   and ('*' in (${feeder:sqlstring})
        or exists (select from feederline.device e
                     join feederline.node f on f.node_key = e.feeder_key
                    where e.transformer_key = a.transformer_key and f.node_id in (${feeder:sqlstring})))
 order by a.day desc, n.node_id, a.kind
 limit 200
