select g.gap_id, d.device_id, coalesce(n.node_id, '') as node_id, quantity_word(g.quantity) as quantity, g.starts_at, g.ends_at,
       g.cause, g.found_at, g.asked_at, g.asks, g.filled_at, g.intervals, g.filled
  from gap g join device d using (device_key) left join node n using (node_key)
 where (%(filled)s::boolean is null or (g.filled_at is not null) = %(filled)s)
   and (%(cause)s::text is null or g.cause = %(cause)s)
   and (%(device)s::text is null or d.device_id = %(device)s)
   and (%(below)s::text[] is null or n.node_id in (select nodes_below(%(below)s::text[])))
   and (%(before)s::timestamptz is null or (g.starts_at, g.gap_id) < (%(before)s, %(number)s::bigint))
 order by g.starts_at desc, g.gap_id desc
 limit %(limit)s
