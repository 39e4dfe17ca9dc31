with dead as (
    select d.delivery_id
      from delivery d
     where d.state = 'dead'
       and (%(delivery)s::text is null or d.delivery_id = %(delivery)s)
       and (%(target)s::text is null or d.target = %(target)s)
       and (%(ticket)s::text is null or d.ticket_id = %(ticket)s)
       and not exists (select from webhook_target s where s.target = d.target and s.disabled_at is not null)
     order by d.delivery_id
       for update of d
)
update delivery d
   set state = 'pending', next_at = %(at)s, claimed_by = null, claimed_until = null, replayed_at = %(at)s,
       replayed_by = %(by)s, attempts_before = d.attempts
  from dead
 where d.delivery_id = dead.delivery_id
