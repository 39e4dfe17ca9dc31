insert into drill (drill_id, node_id, starts_at, ends_at, made_by, reason, received_at)
select * from unnest(%(id)s::text[], %(node)s::text[], %(starts_at)s::timestamptz[], %(ends_at)s::timestamptz[],
                     %(by)s::text[], %(reason)s::text[], %(received_at)s::timestamptz[])
on conflict do nothing
