-- Of the same event more than once the last one holds; one that has ended goes on no more.
insert into meter_event as standing (device_key, kind, phase, started_at, ended_at, severe, extreme, bound, source)
select distinct on (g.device_key, g.kind, g.phase, g.started_at)
       g.device_key, g.kind, g.phase, g.started_at, g.ended_at, g.severe, g.extreme, g.bound, g.source
  from unnest(%(device_key)s::integer[], %(kind)s::text[], %(phase)s::text[], %(started_at)s::timestamptz[],
              %(ended_at)s::timestamptz[], %(severe)s::boolean[], %(extreme)s::double precision[],
              %(bound)s::double precision[], %(source)s::text[])
       with ordinality as g (device_key, kind, phase, started_at, ended_at, severe, extreme, bound, source, place)
 order by g.device_key, g.kind, g.phase, g.started_at, g.ended_at nulls last, g.place desc
on conflict (device_key, kind, phase, started_at) do update
   set ended_at = excluded.ended_at, severe = standing.severe or excluded.severe, extreme = excluded.extreme,
       bound = coalesce(excluded.bound, standing.bound), source = excluded.source
 where standing.ended_at is null
   and (standing.ended_at, standing.severe, standing.extreme, standing.bound, standing.source)
       is distinct from (excluded.ended_at, standing.severe or excluded.severe, excluded.extreme,
                         coalesce(excluded.bound, standing.bound), excluded.source)
