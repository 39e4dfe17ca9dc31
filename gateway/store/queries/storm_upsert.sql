insert into storm (storm_id, began_at, summaries, told_at, ended_at)
values (%(storm_id)s, %(began_at)s, %(summaries)s, %(told_at)s, %(ended_at)s)
on conflict (storm_id) do update
   set summaries = excluded.summaries, told_at = excluded.told_at, ended_at = excluded.ended_at
