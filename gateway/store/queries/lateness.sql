-- How each of the targets asked for stands: what waits too long there (what is a dead letter, where it said that it wants
-- nothing more; where a person disabled it, that person knows), how much of that is itself about alarms, since when the
-- oldest of it, and what its last try said. Where the alarm stands: what was given up, and whether anything has been
-- delivered since and after the last try of what was given up (`next_at` is when that was due).
select t.target, w.count, w.alarms, w.oldest_at, s.late_since, s.disabled_at, coalesce(g.dead, 0) as dead,
       coalesce(g.through, false) as through,
       case when s.disabled_at is null then coalesce(e.last_error, '') else s.reason end as error
  from unnest(%(targets)s::text[]) as t (target)
  left join webhook_target s on s.target = t.target
 cross join lateral (
       select count(*) as count, count(*) filter (where waits.subject like 'alarm/%%') as alarms, min(waits.since) as oldest_at
         from (select d.subject, coalesce(d.replayed_at, d.created_at) as since from delivery d
                where d.target = t.target and d.state = 'pending' and s.disabled_at is null
                  and d.created_at <= %(before)s and coalesce(d.replayed_at, d.created_at) <= %(before)s
               union all
               select d.subject, d.created_at from delivery d
                where d.target = t.target and d.state = 'dead' and s.disabled_at is not null
                  and s.changed_by = 'dispatch') waits) w
  left join lateral (
       select d.last_error from delivery d
        where d.target = t.target and d.state = 'pending' and d.created_at <= %(before)s and d.last_error is not null
        order by d.created_at limit 1) e on true
  left join lateral (
       select gone.dead,
              exists (select from delivery d
                       where d.target = t.target and d.state = 'delivered' and d.delivered_at >= s.late_since
                         and d.delivered_at >= coalesce(gone.tried_at, s.late_since)) as through
         from (select count(*) as dead, max(d.next_at) as tried_at
                 from delivery d where d.target = t.target and d.state = 'dead') gone) g on s.late_since is not null
 order by t.target
