-- A change on record, and a mark for what was reckoned from it on; no row where it was known.
with made as (
    insert into meter_change (device_key, at, of, before, after, made_by, reason, recorded_at)
    values (%(device)s, %(moment)s, %(of)s, %(before)s, %(after)s, %(by)s, %(reason)s, %(at)s)
    on conflict do nothing
    returning device_key, at
), marked as (
    insert into late_mark (device_key, first_at, last_at)
    select m.device_key, m.at, p.reckoning_until from made m, meter_data_progress p where p.reckoning_until > m.at
)
select 1 from made
