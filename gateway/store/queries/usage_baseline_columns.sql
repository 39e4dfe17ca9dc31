select array_agg(b.device_key order by b.device_key), array_agg(b.number order by b.device_key),
       string_agg(b.state, ''::bytea order by b.device_key)
  from usage_baseline b
 where b.device_key = any(%(devices)s::integer[]) and b.version = %(version)s and octet_length(b.state) = %(bytes)s
