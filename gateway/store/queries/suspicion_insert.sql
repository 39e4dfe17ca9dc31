insert into suspicion (device_key, received_at, since, until, score, reasons)
select g.device_key, g.received_at, g.since, g.until, g.score, g.reasons::jsonb
  from unnest(%(device_key)s::integer[], %(received_at)s::timestamptz[], %(since)s::timestamptz[],
              %(until)s::timestamptz[], %(score)s::double precision[], %(reasons)s::text[])
       as g (device_key, received_at, since, until, score, reasons)
on conflict do nothing
