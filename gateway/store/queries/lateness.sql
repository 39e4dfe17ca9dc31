-- How each of the targets asked for stands: what waits too long there (what is a dead letter, where it said that it wants
-- nothing more; where a person disabled it, that person knows), since when the oldest of it, and what its last try said.
select t.target, w.count, w.oldest_at, s.late_since, s.disabled_at,
       case when s.disabled_at is null then coalesce(e.last_error, '') else s.reason end as error
  from unnest(%(targets)s::text[]) as t (target)
  left join webhook_target s on s.target = t.target
 cross join lateral (
       select count(*) as count, min(waits.since) as oldest_at
         from (select coalesce(d.replayed_at, d.created_at) as since from delivery d
                where d.target = t.target and d.state = 'pending' and s.disabled_at is null
                  and d.created_at <= %(before)s and coalesce(d.replayed_at, d.created_at) <= %(before)s
               union all
               select d.created_at from delivery d
                where d.target = t.target and d.state = 'dead' and s.disabled_at is not null
                  and s.changed_by = 'dispatch') waits) w
  left join lateral (
       select d.last_error from delivery d
        where d.target = t.target and d.state = 'pending' and d.created_at <= %(before)s and d.last_error is not null
        order by d.created_at limit 1) e on true
 order by t.target
