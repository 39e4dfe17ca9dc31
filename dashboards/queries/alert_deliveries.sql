-- Messages that a service system does not get, by target and what is wrong; at least 1 where something is, no row where all is
-- well. Given up is told for a day after the last try (`next_at` is when that was due): it comes days after a message was made.
with trouble as (
    select w.target, 'disabled' as problem,
           (select count(*) from feederline.delivery d
             where d.target = w.target and d.state in ('pending', 'dead') and d.created_at >= w.disabled_at) as messages
      from feederline.webhook_target w
     where w.disabled_at is not null
    union all
    select w.target, 'late',
           (select count(*) from feederline.delivery d where d.target = w.target and d.state = 'pending')
      from feederline.webhook_target w
     where w.late_since is not null and w.disabled_at is null
    union all
    select d.target, 'given up', count(*)
      from feederline.delivery d
     where d.state = 'dead' and d.next_at > now() - interval '1 day'
     group by d.target
)
select t.target as "target",
       t.problem as "problem",
       coalesce(feederline.setting_text('page_url'), '') as "page",
       greatest(t.messages, 1)::double precision as "value"
  from trouble t
 order by 1, 2
