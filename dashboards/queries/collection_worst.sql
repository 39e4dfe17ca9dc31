-- Devices that gave the least of what was expected of them in the days that begin in the range.
select d.device_id as "Device",
       t.node_id as "Transformer",
       v.device_id as "Through",
       sum(c.collected)::double precision / nullif(sum(c.expected), 0) as "Collected",
       sum(c.expected - c.collected) as "Lacking",
       sum(c.estimated) as "Estimated",
       sum(c.supply) as "Without supply",
       sum(c.device) as "Device's own",
       sum(c.communications) as "Communications"
  from feederline.collection_day c
  join feederline.device d using (device_key)
  left join feederline.node t on t.node_key = d.transformer_key
  left join feederline.device v on v.device_key = d.via_key
 where $__timeFilter(c.day) and c.collected < c.expected
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by d.device_id, t.node_id, v.device_id
 order by sum(c.expected - c.collected) desc, d.device_id
 limit 100
