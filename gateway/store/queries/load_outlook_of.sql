select o.starts_at, o.ends_at, o.expected_kw, o.high_kw, o.share, o.limit_kw, o.made_at
  from load_outlook o join node n using (node_key)
 where n.node_id = %(node)s and o.ends_at > %(at)s
 order by o.starts_at
