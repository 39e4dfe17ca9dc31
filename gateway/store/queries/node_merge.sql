insert into node (node_key, node_id, parent_key, kind, name, phases, lat, lon, level, path, attributes)
select node_key, node_id, parent_key, kind, name, phases, lat, lon, level, path, attributes
  from node_staging
on conflict (node_key) do update
   set parent_key = excluded.parent_key, kind = excluded.kind, name = excluded.name, phases = excluded.phases,
       lat = excluded.lat, lon = excluded.lon, level = excluded.level, path = excluded.path,
       attributes = excluded.attributes, listed = true
 where (node.parent_key, node.kind, node.name, node.phases, node.lat, node.lon, node.level, node.path,
        node.attributes, node.listed)
       is distinct from
       (excluded.parent_key, excluded.kind, excluded.name, excluded.phases, excluded.lat, excluded.lon,
        excluded.level, excluded.path, excluded.attributes, true)
