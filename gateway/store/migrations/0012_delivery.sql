-- A claim reads what is due for one target in order, however much waits for the others.

drop index delivery_pending;
create index delivery_due on delivery (target, next_at, created_at, delivery_id) where state = 'pending';
