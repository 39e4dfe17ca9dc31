insert into signal (kind, device_key, occurred_at, reported_at, received_at, source, detail)
select * from unnest(%(kind)s::text[], %(device_key)s::integer[], %(occurred_at)s::timestamptz[],
                     %(reported_at)s::timestamptz[], %(received_at)s::timestamptz[], %(source)s::text[],
                     %(detail)s::text[])
on conflict do nothing
