with gone as (
    update delivery d
       set state = 'dead', claimed_until = null, last_error = 'the target is disabled: ' || s.reason
      from target_state s
     where s.target = d.target and s.disabled_at is not null
       and d.state = 'pending' and (d.claimed_until is null or d.claimed_until <= %(at)s)
       and (%(targets)s::text[] is null or d.target = any(%(targets)s::text[]))
), due as (
    select d.delivery_id
      from delivery d
     where d.state = 'pending'
       and d.next_at <= %(at)s
       and (d.claimed_until is null or d.claimed_until <= %(at)s)
       and (%(targets)s::text[] is null or d.target = any(%(targets)s::text[]))
       and not exists (select from target_state s where s.target = d.target and s.disabled_at is not null)
       and not exists (select from delivery e
                        where e.subject = d.subject and e.target = d.target
                          and e.state = 'pending' and e.revision < d.revision)
     order by d.next_at, d.created_at, d.delivery_id
     limit %(limit)s
       for update of d skip locked
), claimed as (
    update delivery d set claimed_by = %(owner)s, claimed_until = %(until)s
      from due where due.delivery_id = d.delivery_id
    returning d.*
)
select c.delivery_id, c.subject, c.ticket_id, c.revision, c.target, c.content_type, c.body, c.attempts,
       coalesce(c.replayed_at, c.created_at) as created_at, r.reference
  from claimed c
  left join ticket_reference r on r.ticket_id = c.ticket_id and r.target = c.target
 order by c.next_at, c.created_at, c.delivery_id
