-- Intervals of each local day by how they stand, as shares of those expected. Edited ones are apart, measured or not.
select c.day as "time",
       sum(c.expected - c.estimated - c.missing - c.edited)::double precision / nullif(sum(c.expected), 0) as "Measured",
       sum(c.estimated)::double precision / nullif(sum(c.expected), 0) as "Estimated",
       sum(c.edited)::double precision / nullif(sum(c.expected), 0) as "Edited",
       sum(c.missing)::double precision / nullif(sum(c.expected), 0) as "Missing"
  from feederline.collection_by_day c
 where $__timeFilter(c.day)
   and ('*' in (${feeder:sqlstring})
        or c.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by c.day
 order by c.day
