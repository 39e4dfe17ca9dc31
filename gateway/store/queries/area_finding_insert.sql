insert into area_finding (day, kind, transformer_key, device_key, other_key, since, words, figures, made_at)
select %(day)s, g.kind, n.node_key, g.device_key, o.node_key, g.since, g.words, g.figures::jsonb, %(at)s
  from unnest(%(kind)s::text[], %(node)s::text[], %(device_key)s::integer[], %(other)s::text[], %(since)s::timestamptz[],
              %(words)s::text[], %(figures)s::text[]) as g (kind, node_id, device_key, other_id, since, words, figures)
  join node n using (node_id)
  left join node o on o.node_id = g.other_id
on conflict do nothing
