select node_id, name from node where node_id = any(%(nodes)s::text[])
