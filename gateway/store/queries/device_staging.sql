create temporary table device_staging (
    local_key integer, device_id text, listed boolean, node_id text, kind text, protocol text, profile text,
    address text, via_id text, phases text, customers integer, priority text, interval_s integer,
    nominal_v double precision, transformer_id text, feeder_id text, attributes jsonb,
    device_key integer, is_new boolean not null default false,
    node_key integer, via_key integer, transformer_key integer, feeder_key integer
) on commit drop
