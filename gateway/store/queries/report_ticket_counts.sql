select state, count(*) as tickets,
       count(*) filter (where t.restored_at is null and t.closed_at is null and (
            t.warned @> '{restoration!}'
            or t.warned && '{arrival!,arrival_limit!}' and t.arrived_at is null
            or t.warned @> '{response!}' and coalesce(t.acknowledged_at, t.dispatched_at, t.arrived_at) is null)) as late
  from ticket t
 where state not in ('closed', 'merged', 'cancelled') and drill = ''
 group by state
