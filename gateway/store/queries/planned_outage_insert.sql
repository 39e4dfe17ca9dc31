insert into planned_outage (reference, node_id, revision, starts_at, ends_at, reason, announced_by, withdrawn, received_at)
select n.reference, n.node_id,
       row_number() over (partition by n.reference, n.node_id order by n.place)
       + coalesce((select max(p.revision) from planned_outage p
                    where p.reference = n.reference and p.node_id = n.node_id), 0),
       n.starts_at, n.ends_at, n.reason, n.announced_by, n.withdrawn, n.received_at
  from unnest(%(reference)s::text[], %(node_id)s::text[], %(starts_at)s::timestamptz[], %(ends_at)s::timestamptz[],
              %(reason)s::text[], %(announced_by)s::text[], %(withdrawn)s::boolean[], %(received_at)s::timestamptz[])
       with ordinality
       as n (reference, node_id, starts_at, ends_at, reason, announced_by, withdrawn, received_at, place)
 where not exists (select from planned_outage p
                    where (p.reference, p.node_id, p.received_at, p.starts_at, p.ends_at, p.withdrawn, p.reason,
                           p.announced_by)
                        = (n.reference, n.node_id, n.received_at, n.starts_at, n.ends_at, n.withdrawn, n.reason,
                           n.announced_by))
on conflict do nothing
