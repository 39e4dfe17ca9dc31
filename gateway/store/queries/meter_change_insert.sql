-- A change on record; no row where one of that kind stands at that time.
insert into meter_change (device_key, at, of, before, after, made_by, reason, recorded_at, attempt)
select %(device)s, %(moment)s, %(of)s, %(before)s, %(after)s, %(by)s, %(reason)s, %(at)s, 1 + count(*)
  from meter_change c join meter_change_withdrawal w using (change_id)
 where c.device_key = %(device)s and c.at = %(moment)s and c.of = %(of)s
on conflict do nothing
returning change_id
