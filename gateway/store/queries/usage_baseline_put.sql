insert into usage_baseline (device_key, number, version, state, made_at)
select device_key, number, %(version)s, state, %(at)s from usage_baseline_staging
on conflict (device_key) do update
   set number = excluded.number, version = excluded.version, state = excluded.state, made_at = excluded.made_at
