-- Feeders to choose from.
select coalesce(nullif(n.name, ''), n.node_id) as __text, n.node_id as __value
  from feederline.node n
 where n.kind = 'feeder' and n.listed
 order by 1, 2
