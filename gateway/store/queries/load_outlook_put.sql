insert into load_outlook (node_key, starts_at, ends_at, expected_kw, high_kw, share, limit_kw, made_at)
select n.node_key, g.starts_at, g.ends_at, g.expected_kw, g.high_kw, %(share)s, g.limit_kw, %(at)s
  from unnest(%(node)s::text[], %(starts_at)s::timestamptz[], %(ends_at)s::timestamptz[],
              %(expected)s::double precision[], %(high)s::double precision[], %(limit)s::double precision[])
       as g (node_id, starts_at, ends_at, expected_kw, high_kw, limit_kw)
  join node n using (node_id)
on conflict (node_key, starts_at) do update
   set ends_at = excluded.ends_at, expected_kw = excluded.expected_kw, high_kw = excluded.high_kw,
       share = excluded.share, limit_kw = excluded.limit_kw, made_at = excluded.made_at
