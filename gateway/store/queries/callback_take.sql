insert into callback (target, message_id, received_at, status, answer)
values (%(target)s, %(message_id)s, %(at)s, 0, '{}')
on conflict do nothing
