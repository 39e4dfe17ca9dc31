-- A name that is known but no longer listed gets a row if it never had one: readings of it may still arrive.
insert into device (device_key, device_id, node_key, kind, protocol, profile, address, via_key, phases, customers,
                    priority, interval_s, nominal_v, transformer_key, feeder_key, listed, unlisted_at, attributes)
select device_key, device_id, node_key, coalesce(kind, 'meter'), coalesce(protocol, ''), coalesce(profile, ''),
       coalesce(address, ''), via_key, coalesce(phases, 'ABC'), coalesce(customers, 0), coalesce(priority, ''),
       coalesce(interval_s, 0), coalesce(nominal_v, 0), transformer_key, feeder_key, listed,
       case when not listed then now() end, coalesce(attributes, '{}')
  from device_staging
 where listed or is_new
on conflict (device_key) do update
   set node_key = excluded.node_key, kind = excluded.kind, protocol = excluded.protocol, profile = excluded.profile,
       address = excluded.address, via_key = excluded.via_key, phases = excluded.phases,
       customers = excluded.customers, priority = excluded.priority, interval_s = excluded.interval_s,
       nominal_v = excluded.nominal_v, transformer_key = excluded.transformer_key, feeder_key = excluded.feeder_key,
       listed = true, unlisted_at = null, attributes = excluded.attributes, changed_at = now()
 where (device.node_key, device.kind, device.protocol, device.profile, device.address, device.via_key, device.phases,
        device.customers, device.priority, device.interval_s, device.nominal_v, device.transformer_key,
        device.feeder_key, device.listed, device.attributes)
       is distinct from
       (excluded.node_key, excluded.kind, excluded.protocol, excluded.profile, excluded.address, excluded.via_key,
        excluded.phases, excluded.customers, excluded.priority, excluded.interval_s, excluded.nominal_v,
        excluded.transformer_key, excluded.feeder_key, true, excluded.attributes)
