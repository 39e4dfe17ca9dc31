-- What lacks of the intervals expected on each local day, by why; shares of those expected.
select c.day as "time",
       sum(c.supply)::double precision / nullif(sum(c.expected), 0) as "Without supply",
       sum(c.device)::double precision / nullif(sum(c.expected), 0) as "Device",
       sum(c.communications)::double precision / nullif(sum(c.expected), 0) as "Communications",
       sum(c.gateway)::double precision / nullif(sum(c.expected), 0) as "Gateway"
  from feederline.collection_by_day c
 where $__timeFilter(c.day)
   and ('*' in (${feeder:sqlstring})
        or c.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by c.day
 order by c.day
