copy node_staging (node_id, parent_id, kind, name, phases, lat, lon, level, path, attributes) from stdin
