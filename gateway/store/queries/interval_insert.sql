insert into interval (device_key, quantity, status, starts_at, ends_at, made_at, rules, raw, value)
select device_key, quantity, status, starts_at, ends_at, %(at)s, rules, nullif(raw, 'NaN'), nullif(value, 'NaN')
  from interval_staging
on conflict do nothing
