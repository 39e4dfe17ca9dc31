-- Feeders of ten transformers of so many meters; keys follow the numbers.
insert into feederline.node (node_id, parent_key, kind, name, phases, level, path, lat, lon, attributes)
values ('S1', null, 'substation', 'North', 'ABC', 0, 'S1', 31.2, 121.4, '{}');

insert into feederline.node (node_id, parent_key, kind, name, phases, level, path, attributes)
select 'F' || f, 1, 'feeder', 'Feeder ' || f, 'ABC', 1, 'S1/F' || f, jsonb_build_object('district', 'D' || f %% 4)
  from generate_series(1, %(feeders)s::integer) f order by f;

insert into feederline.node (node_id, parent_key, kind, name, phases, level, path, attributes)
select 'T' || t, 1 + f, 'transformer', 'Transformer ' || t, 'ABC', 2, format('S1/F%%s/T%%s', f, t), '{"rated_kva": "315"}'
  from generate_series(1, %(transformers)s::integer) t, lateral (select 1 + (t - 1) %% %(feeders)s::integer as f) p
 order by t;

insert into feederline.device (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v, transformer_key,
                               feeder_key, attributes)
select 'M' || m, n.node_key, 'meter', 'mqtt', 'ABC', 1, 3600, 220, n.node_key, n.parent_key,
       jsonb_build_object('customer_class', (array['residential', 'commercial', 'industrial'])[1 + m %% 3], 'area', 'urban')
  from generate_series(1, %(meters)s::integer) m
  join feederline.node n on n.node_key = 1 + %(feeders)s::integer + 1 + (m - 1) / %(per)s::integer
 order by m;

insert into feederline.device (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v, transformer_key,
                               feeder_key)
select 'X' || t, n.node_key, 'terminal', 'modbus', 'ABC', 0, 3600, 220, n.node_key, n.parent_key
  from generate_series(1, %(transformers)s::integer) t
  join feederline.node n on n.node_key = 1 + %(feeders)s::integer + t
 order by t;

insert into feederline.setting (name, value) values ('observed_since', %(first)s::timestamptz::text), ('time_zone', 'Asia/Shanghai'),
       ('page_url', 'http://127.0.0.1:8080')
on conflict (name) do update set value = excluded.value;

analyze feederline.node, feederline.device
