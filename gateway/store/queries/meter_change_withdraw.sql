-- A withdrawal on record, and a mark for what was reckoned from the change on; no row where it was withdrawn already.
with made as (
    insert into meter_change_withdrawal (change_id, made_by, reason, recorded_at)
    values (%(number)s, %(by)s, %(reason)s, %(at)s)
    on conflict do nothing
    returning change_id
), marked as (
    insert into late_mark (device_key, first_at, last_at)
    select c.device_key, c.at, p.reckoning_until
      from made join meter_change c using (change_id), meter_data_progress p
     where p.reckoning_until > c.at
)
select 1 from made
