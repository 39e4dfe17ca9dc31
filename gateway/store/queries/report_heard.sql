-- Up to when what the field said is stored; by the latest word of the gateway, or where it left none, of what it wrote.
select coalesce((select m.stream_at from gateway_minute m where m.stream_at is not null order by m.at desc limit 1),
                (select max(p.at) from stream_position p)) as heard_until
