insert into usage_day (day, device_key, score, log_odds, kinds, opens, kwh, expected_kwh, since, reasons, made_at)
select %(day)s, g.device_key, g.score, g.log_odds, g.kinds, g.opens, g.kwh, g.expected_kwh, g.since, g.reasons::jsonb, %(at)s
  from unnest(%(device_key)s::integer[], %(score)s::real[], %(log_odds)s::real[], %(kinds)s::smallint[],
              %(opens)s::boolean[], %(kwh)s::real[], %(expected_kwh)s::real[], %(since)s::timestamptz[],
              %(reasons)s::text[])
       as g (device_key, score, log_odds, kinds, opens, kwh, expected_kwh, since, reasons)
