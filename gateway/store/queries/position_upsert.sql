insert into stream_position (spool, seq, at) values (%(spool)s, %(seq)s, now())
on conflict (spool) do update set seq = excluded.seq, at = excluded.at where stream_position.seq < excluded.seq
