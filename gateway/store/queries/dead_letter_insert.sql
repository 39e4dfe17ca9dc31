insert into dead_letter (received_at, source, topic, payload, reason)
select * from unnest(%(received_at)s::timestamptz[], %(source)s::text[], %(topic)s::text[], %(payload)s::bytea[],
                     %(reason)s::text[])
on conflict do nothing
