-- A change on record, and a mark for what was reckoned from it on; no row where one of that kind stands at that time.
with made as (
    insert into meter_change (device_key, at, of, before, after, made_by, reason, recorded_at, attempt)
    select %(device)s, %(moment)s, %(of)s, %(before)s, %(after)s, %(by)s, %(reason)s, %(at)s, 1 + count(*)
      from meter_change c join meter_change_withdrawal w using (change_id)
     where c.device_key = %(device)s and c.at = %(moment)s and c.of = %(of)s
    on conflict do nothing
    returning device_key, at
), marked as (
    insert into late_mark (device_key, first_at, last_at)
    select m.device_key, m.at, p.reckoning_until from made m, meter_data_progress p where p.reckoning_until > m.at
)
select 1 from made
