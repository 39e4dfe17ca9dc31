create temporary table node_staging (
    node_id text, parent_id text, kind text, name text, phases text,
    lat double precision, lon double precision, level integer, path text,
    attributes jsonb,
    node_key integer, parent_key integer
) on commit drop
