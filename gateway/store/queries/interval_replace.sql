update interval i
   set raw = b.raw, value = b.value, status = b.status, rules = b.rules, made_at = %(at)s
  from interval_better b
 where i.device_key = b.device_key and i.quantity = b.quantity and i.starts_at = b.starts_at
   and not b.edited and not b.final
   and i.device_key = any(%(devices)s::integer[]) and i.quantity = %(quantity)s::smallint
   and i.starts_at >= %(low)s and i.starts_at <= %(high)s
