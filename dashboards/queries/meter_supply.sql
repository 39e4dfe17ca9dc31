-- The supply state of one metering point over time: a row where it changes. Off wins over unknown; while the gateway was
-- away nobody knew. Nothing is said of times before the field was first heard, nor of those to come.
with shown as (
    select greatest(timestamptz $__timeFrom(), feederline.observed_since()) as low, least(timestamptz $__timeTo(), now()) as high
), told as (
    select range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'off') as off,
           range_agg(tstzrange(c.started_at, c.ended_at)) filter (where c.state = 'unknown') as unknown
      from feederline.counted_interruption c
     where c.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
       and c.started_at < $__timeTo() and (c.ended_at is null or c.ended_at > $__timeFrom())
), away as (
    select range_agg(tstzrange(a.started_at, a.ended_at)) as during
      from feederline.gateway_absence a
     where a.started_at < $__timeTo() and a.ended_at > $__timeFrom()
), part as (
    select tstzmultirange(tstzrange(s.low, s.high)) as whole, coalesce(t.off, '{}') as off,
           coalesce(t.unknown, '{}') + coalesce(a.during, '{}') as unknown
      from shown s, told t, away a
     where s.low < s.high and exists (select from feederline.device d where d.device_id = ${device:sqlstring})
)
select lower(r.during) as "time", r.state as "Supply"
  from part p,
       lateral (select 'off' as state, unnest(p.whole * p.off) as during
                 union all
                select 'unknown', unnest(p.whole * p.unknown - p.off)
                 union all
                select 'on', unnest(p.whole - p.off - p.unknown)) r
 order by 1
