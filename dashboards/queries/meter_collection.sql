-- Intervals of one device by local day, as shares of those expected, and the target.
select c.day as "time",
       sum(c.collected)::double precision / nullif(sum(c.expected), 0) as "Collected",
       sum(c.estimated)::double precision / nullif(sum(c.expected), 0) as "Estimated",
       sum(c.missing)::double precision / nullif(sum(c.expected), 0) as "Missing",
       feederline.setting_number('collection_target') as "Target"
  from feederline.collection_day c
 where c.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(c.day)
 group by c.day
 order by c.day
