with due as (
    select d.delivery_id
      from delivery d
     where d.state = 'pending'
       and d.next_at <= %(at)s
       and (d.claimed_until is null or d.claimed_until <= %(at)s)
       and (%(targets)s::text[] is null or d.target = any(%(targets)s::text[]))
       and not exists (select from delivery e
                        where e.ticket_id = d.ticket_id and e.target = d.target
                          and e.state = 'pending' and e.revision < d.revision)
     order by d.next_at, d.created_at, d.delivery_id
     limit %(limit)s
       for update of d skip locked
), claimed as (
    update delivery d set claimed_by = %(owner)s, claimed_until = %(until)s from due where due.delivery_id = d.delivery_id
    returning d.*
)
select * from claimed order by next_at, created_at, delivery_id
