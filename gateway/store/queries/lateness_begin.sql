insert into webhook_target (target, late_since, changed_at, changed_by)
values (%(target)s, %(at)s, %(at)s, 'alarm')
on conflict (target) do update set late_since = excluded.late_since
 where webhook_target.late_since is null
