with known as (
    insert into ticket_reference (ticket_id, target, reference)
    select d.ticket_id, d.target, %(reference)s from delivery d
     where d.delivery_id = %(delivery_id)s and d.ticket_id is not null and %(reference)s <> ''
    on conflict (ticket_id, target) do update set reference = excluded.reference
     where ticket_reference.reference <> excluded.reference
)
update delivery
   set state = 'delivered', delivered_at = %(at)s, status = %(status)s, attempts = attempts + 1,
       claimed_until = null, last_error = null
 where delivery_id = %(delivery_id)s and state <> 'delivered'
