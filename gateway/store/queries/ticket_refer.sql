insert into ticket_reference (ticket_id, target, reference) values (%(ticket)s, %(target)s, %(reference)s)
on conflict (ticket_id, target) do update set reference = excluded.reference
 where ticket_reference.reference <> excluded.reference
