insert into instruction (instruction_id, incident_id, word, other, node_id, made_by, reason, received_at)
select * from unnest(%(id)s::text[], %(incident)s::text[], %(word)s::text[], %(other)s::text[], %(node)s::text[],
                     %(by)s::text[], %(reason)s::text[], %(received_at)s::timestamptz[])
on conflict do nothing
