-- A withdrawal on record; no row where it was withdrawn already.
insert into meter_change_withdrawal (change_id, made_by, reason, recorded_at)
values (%(number)s, %(by)s, %(reason)s, %(at)s)
on conflict do nothing
returning change_id
