with sought as (
    select unnest(coalesce(%(targets)s::text[], array(select distinct target from delivery where state = 'pending'))) as target
), gone as (
    update delivery d
       set state = 'dead', claimed_until = null, last_error = 'the target is disabled: ' || s.reason
      from sought join webhook_target s using (target)
     where d.target = s.target and s.disabled_at is not null
       and d.state = 'pending' and (d.claimed_until is null or d.claimed_until <= %(at)s)
), due as (
    select x.delivery_id
      from sought t
     cross join lateral (
           select d.delivery_id, d.next_at, d.created_at
             from delivery d
            where d.target = t.target
              and d.state = 'pending'
              and d.next_at <= %(at)s
              and (d.claimed_until is null or d.claimed_until <= %(at)s)
              and not exists (select from delivery e
                               where e.subject = d.subject and e.target = d.target
                                 and e.state = 'pending' and e.revision < d.revision)
            order by d.next_at, d.created_at, d.delivery_id
            limit %(limit)s
              for update of d skip locked) x
     where not exists (select from webhook_target s where s.target = t.target and s.disabled_at is not null)
     order by x.next_at, x.created_at, x.delivery_id
     limit %(limit)s
), claimed as (
    update delivery d set claimed_by = %(owner)s, claimed_until = %(until)s
      from due where due.delivery_id = d.delivery_id
    returning d.*
)
select c.delivery_id, c.subject, c.ticket_id, c.revision, c.target, c.content_type, c.body, c.attempts, c.attempts_before,
       coalesce(c.replayed_at, c.created_at) as created_at,
       (select r.reference from ticket_reference r where r.ticket_id = c.ticket_id and r.target = c.target) as reference
  from claimed c
 order by c.next_at, c.created_at, c.delivery_id
