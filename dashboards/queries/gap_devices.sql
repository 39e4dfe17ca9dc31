-- Devices with the most intervals that are still lacking, of gaps that are not filled.
select d.device_id as "Device",
       t.node_id as "Transformer",
       count(*) as "Gaps",
       sum(g.intervals - g.filled) as "Intervals",
       min(g.starts_at) as "Oldest",
       max(g.ends_at) as "Newest",
       sum(g.asks) as "Asked for again",
       max(g.asked_at) as "Last asked",
       string_agg(distinct g.cause, ', ') as "Causes"
  from feederline.gap g
  join feederline.device d using (device_key)
  left join feederline.node t on t.node_key = d.transformer_key
 where g.filled_at is null
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by d.device_id, t.node_id
 order by 4 desc, d.device_id
 limit 100
