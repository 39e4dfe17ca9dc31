insert into incident (incident_id, kind, node_id, phases, state, started_at, detected_at, restored_at, ended_at,
                      customers, parent, confidence, direct, held_from, relapsed_at, confirmed_by, ended_by, ended_reason,
                      drill, summary, evidence, revision, ticket_due_at)
values (%(incident_id)s, %(kind)s, %(node_id)s, %(phases)s, %(state)s, %(started_at)s, %(detected_at)s,
        %(restored_at)s, %(ended_at)s, %(customers)s, %(parent)s, %(confidence)s, %(direct)s, %(held_from)s,
        %(relapsed_at)s, %(confirmed_by)s, %(ended_by)s, %(ended_reason)s, %(drill)s, %(summary)s, %(evidence)s::jsonb, %(revision)s,
        %(ticket_due_at)s)
on conflict (incident_id) do update
   set kind = excluded.kind, node_id = excluded.node_id, phases = excluded.phases, state = excluded.state,
       started_at = excluded.started_at, detected_at = excluded.detected_at, restored_at = excluded.restored_at,
       ended_at = excluded.ended_at, customers = excluded.customers, parent = excluded.parent,
       confidence = excluded.confidence, direct = excluded.direct, held_from = excluded.held_from,
       relapsed_at = excluded.relapsed_at, confirmed_by = excluded.confirmed_by,
       ended_by = excluded.ended_by, ended_reason = excluded.ended_reason, summary = excluded.summary,
       evidence = excluded.evidence, revision = excluded.revision, ticket_due_at = excluded.ticket_due_at
 where incident.revision < excluded.revision
