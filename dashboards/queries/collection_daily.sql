-- Collection rate by local day against its target.
select c.day as "time",
       sum(c.collected)::double precision / nullif(sum(c.expected), 0) as "Collected",
       feederline.setting_number('collection_target') as "Target"
  from feederline.collection_by_day c
 where $__timeFilter(c.day)
   and ('*' in (${feeder:sqlstring})
        or c.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by c.day
 order by c.day
