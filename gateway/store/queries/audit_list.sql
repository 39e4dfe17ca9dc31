select audit_id, at, actor, role, origin, address, token_id, action, object, outcome, detail
  from audit
 where (%(actor)s::text is null or actor = %(actor)s)
   and (%(action)s::text is null or action = %(action)s)
   and (%(object)s::text is null or object = %(object)s)
   and (%(outcome)s::text is null or outcome = %(outcome)s)
   and (%(address)s::text is null or address = %(address)s)
   and (%(token)s::text is null or token_id = %(token)s)
   and (%(before)s::timestamptz is null or at < %(before)s)
 order by at desc, audit_id desc
 limit %(limit)s
