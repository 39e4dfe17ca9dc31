insert into interruption (incident_id, device_key, step, kind, state, started_at, ended_at, customers)
select * from unnest(%(incident)s::text[], %(device)s::integer[], %(step)s::integer[], %(kind)s::text[],
                     %(state)s::text[], %(started_at)s::timestamptz[], %(ended_at)s::timestamptz[],
                     %(customers)s::integer[])
on conflict (incident_id, device_key, step) do update
   set kind = excluded.kind, state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at
 where (interruption.kind, interruption.state, interruption.started_at, interruption.ended_at)
       is distinct from (excluded.kind, excluded.state, excluded.started_at, excluded.ended_at)
