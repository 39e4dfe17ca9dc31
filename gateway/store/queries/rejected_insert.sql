insert into rejected_value (device_key, measured_at, quantity, raw, reason)
select * from unnest(%(device_key)s::integer[], %(measured_at)s::timestamptz[], %(quantity)s::text[],
                     %(raw)s::text[], %(reason)s::text[])
on conflict do nothing
