insert into collection_day (device_key, quantity, day, expected, collected, estimated, missing, edited, supply, device,
                            communications, gateway, made_at)
select c.*, %(at)s
  from (select unnest(%(device_key)s::integer[]), %(quantity)s::smallint, unnest(%(day)s::timestamptz[]),
               unnest(%(expected)s::integer[]), unnest(%(collected)s::integer[]), unnest(%(estimated)s::integer[]),
               unnest(%(missing)s::integer[]), unnest(%(edited)s::integer[]), unnest(%(supply)s::integer[]),
               unnest(%(device)s::integer[]), unnest(%(communications)s::integer[]), unnest(%(gateway)s::integer[])) c
on conflict (device_key, quantity, day) do update
   set expected = excluded.expected, collected = excluded.collected, estimated = excluded.estimated,
       missing = excluded.missing, edited = excluded.edited, supply = excluded.supply, device = excluded.device,
       communications = excluded.communications, gateway = excluded.gateway, made_at = excluded.made_at
 where (collection_day.expected, collection_day.collected, collection_day.estimated, collection_day.missing,
        collection_day.edited, collection_day.supply, collection_day.device, collection_day.communications,
        collection_day.gateway)
       is distinct from (excluded.expected, excluded.collected, excluded.estimated, excluded.missing, excluded.edited,
                         excluded.supply, excluded.device, excluded.communications, excluded.gateway)
