insert into webhook_target (target, disabled_at, reason, changed_at, changed_by)
values (%(target)s, %(at)s, %(reason)s, %(at)s, %(by)s)
on conflict (target) do update
   set disabled_at = excluded.disabled_at, reason = excluded.reason, changed_at = excluded.changed_at,
       changed_by = excluded.changed_by
 where webhook_target.disabled_at is null
