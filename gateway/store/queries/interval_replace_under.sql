-- Where a person's value stands, what the machine says is kept up under it, for when it is taken back.
update interval i
   set raw = b.raw, machine_value = b.value, machine_status = b.status, machine_rules = b.rules, made_at = %(at)s
  from interval_better b
 where i.device_key = b.device_key and i.quantity = b.quantity and i.starts_at = b.starts_at
   and b.edited and not b.final
   and i.device_key = any(%(devices)s::integer[]) and i.quantity = %(quantity)s::smallint
   and i.starts_at >= %(low)s and i.starts_at <= %(high)s
