-- Feeders to choose from; those of one name with their ids.
select case when count(*) over (partition by n.name) > 1 and n.name <> '' then format('%s (%s)', n.name, n.node_id)
            else coalesce(nullif(n.name, ''), n.node_id) end as __text,
       n.node_id as __value
  from feederline.node n
 where n.kind = 'feeder' and n.listed
 order by 1, 2
