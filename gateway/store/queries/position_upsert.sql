with first_heard as (
    insert into setting (name, value) select 'observed_since', %(since)s::text where %(since)s::text is not null
    on conflict (name) do nothing
)
insert into stream_position (spool, seq, at) values (%(spool)s, %(seq)s, now())
on conflict (spool) do update set seq = excluded.seq, at = excluded.at where stream_position.seq < excluded.seq
