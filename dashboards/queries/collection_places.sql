-- Concentrators and feeders on the last whole day that was accounted, the least collected first.
select case when v.device_key is null then 'feeder' else 'concentrator' end as "Of",
       coalesce(v.device_id, f.node_id, '–') as "Place",
       count(distinct c.device_key) as "Devices",
       sum(c.collected)::double precision / nullif(sum(c.expected), 0) as "Collected",
       sum(c.expected - c.collected) as "Lacking",
       sum(c.supply) as "Without supply",
       sum(c.device) as "Device",
       sum(c.communications) as "Communications",
       sum(c.gateway) as "Gateway"
  from feederline.collection_day c
  join feederline.device d using (device_key)
  left join feederline.device v on v.device_key = d.via_key
  left join feederline.node f on f.node_key = d.feeder_key
 where c.day = (select max(l.day) from feederline.collection_day l
                 where l.day <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours')
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by v.device_key, v.device_id, case when v.device_key is null then f.node_id end, coalesce(v.device_id, f.node_id, '–')
 order by 4 nulls last, 2
 limit 100
