update node n set listed = false
 where n.listed and not exists (select from node_staging s where s.node_id = n.node_id)
