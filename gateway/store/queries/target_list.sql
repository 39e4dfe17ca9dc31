with waiting as (
    select target, count(*) as pending, count(*) filter (where coalesce(replayed_at, created_at) < %(late_before)s) as late,
           min(coalesce(replayed_at, created_at)) as oldest_pending_at
      from delivery where state = 'pending' group by target
), dead as (
    select target, count(*) as dead from delivery where state = 'dead' group by target
)
select target, coalesce(w.pending, 0) as pending, coalesce(w.late, 0) as late, coalesce(d.dead, 0) as dead,
       w.oldest_pending_at, s.disabled_at, s.reason, s.late_since, s.changed_at, s.changed_by
  from (select unnest(%(names)s::text[]) as target union select target from webhook_target
        union select target from waiting union select target from dead) known
  left join waiting w using (target)
  left join dead d using (target)
  left join webhook_target s using (target)
 order by target
