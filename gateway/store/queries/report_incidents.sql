with chosen as materialized (
    select i.*, n.name as node_name, n.path
      from incident i
      left join node n using (node_id)
     where (%(incident)s::text is null or i.incident_id = %(incident)s)
       and (%(state)s::text is null or i.state = %(state)s)
       and (not %(live)s or i.state in ('open', 'restored'))
       and (%(kind)s::text is null or i.kind = %(kind)s)
       and (%(drill)s::boolean is null or (i.drill <> '') = %(drill)s)
       and (%(parent)s::text is null or i.parent = %(parent)s)
       and (%(text)s::text is null
            or position(lower(%(text)s) in lower(concat_ws(' ', i.summary, i.node_id, n.name, i.incident_id))) > 0)
       and (%(below)s::text[] is null or i.node_id in (select nodes_below(%(below)s)))
       and (%(before)s::timestamptz is null or i.started_at < %(before)s)
     order by i.started_at desc, i.incident_id
     limit %(limit)s
)
select i.*, t.ticket_id, t.number, t.state as ticket_state, t.severity, t.crew, t.restoration_estimated_at,
       coalesce(is_late(t), false) as late, s.customers_off, s.customers_unknown, s.customer_minutes,
       (select count(*) from incident_device m where m.incident_id = i.incident_id) as device_count,
       (select array_agg(m.device_id order by m.device_id)
          from (select d.device_id
                  from incident_device m join device d using (device_key)
                 where m.incident_id = i.incident_id
                 order by d.device_id
                 limit %(members)s) m) as device_ids,
       (with recursive up as (
            select node_key, parent_key, node_id, kind, name, level from node where node_id = i.node_id
            union all
            select p.*
              from up
              cross join lateral ( -- one look into the index; a join would scan all nodes at every step
                  select node_key, parent_key, node_id, kind, name, level
                    from node
                   where node_key = up.parent_key
                  offset 0) p)
        select jsonb_agg(jsonb_build_object('id', node_id, 'kind', kind, 'name', name) order by level) from up) as places
  from chosen i
  left join ticket t using (incident_id)
  cross join lateral (
      select coalesce(sum(customers) filter (where state = 'off' and ended_at is null), 0) as customers_off,
             coalesce(sum(customers) filter (where state = 'unknown' and ended_at is null), 0) as customers_unknown,
             coalesce(sum(customers * extract(epoch from
                 greatest(coalesce(ended_at, %(at)s::timestamptz, now()) - started_at, interval '0')) / 60)
                 filter (where state = 'off'), 0)::float8 as customer_minutes
        from counted_interruption
       where incident_id = i.incident_id) s
 order by i.started_at desc, i.incident_id
