-- Of what was foretold for the time from %(at)s on.
select n.node_id, n.name, n.kind, min(o.starts_at) as starts_at, max(o.ends_at) as ends_at, count(*) as intervals,
       max(o.expected_kw) as expected_kw, max(o.high_kw) as high_kw, max(o.limit_kw) as limit_kw,
       bool_or(o.expected_kw > o.limit_kw) as expected
  from load_outlook o join node n using (node_key)
 where o.ends_at > %(at)s and o.high_kw > o.limit_kw and n.listed
   and (%(below)s::text[] is null or n.node_id in (select nodes_below(%(below)s::text[])))
 group by n.node_id, n.name, n.kind
 order by max(o.expected_kw / o.limit_kw) desc, n.node_id
 limit %(limit)s
