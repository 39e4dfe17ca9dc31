copy device_staging (local_key, device_id, listed, node_id, kind, protocol, profile, address, via_id, phases,
                     customers, priority, interval_s, nominal_v, transformer_id, feeder_id, attributes) from stdin
