update node_staging s set parent_key = p.node_key from node_staging p where p.node_id = s.parent_id
