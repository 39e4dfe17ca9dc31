-- Measured, but what stands is final: on record once, however often it is put.
insert into interval_too_late (device_key, quantity, starts_at, made_at, version, ends_at, raw, value, status, rules)
select b.device_key, b.quantity, b.starts_at, %(at)s, b.version, b.ends_at, b.raw, b.value, b.status, b.rules
  from interval_better b
  left join lateral (select t.raw, t.value, t.status, t.rules from interval_too_late t
                      where t.device_key = b.device_key and t.quantity = b.quantity and t.starts_at = b.starts_at
                      order by t.made_at desc limit 1) t on true
 where b.final and b.status >= 2
   and (t.status is null or (t.raw, t.value, t.status, t.rules) is distinct from (b.raw, b.value, b.status, b.rules))
on conflict do nothing
