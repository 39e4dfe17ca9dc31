-- Stored rows of readings per minute, in whole steps only: a step that the range cuts would look like a loss.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width,
           ceil($__interval_ms / base) * base / 60000 as minutes
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0  -- of sums that are made once
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, 1 as samples
      from feederline.reading
     where $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, samples
      from feederline.reading_15min
     where $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select hour, readings
      from feederline.hour_total
     where $__interval_ms >= 3600000 and $__timeFilter(hour)
), stepped as (
    select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as at, s.width, s.minutes, p.samples
      from step s, piece p
)
select at as "time", sum(samples) / minutes as "Readings per minute"
  from stepped
 where at >= timestamptz $__timeFrom() and at + width <= timestamptz $__timeTo()
 group by at, minutes
 order by at
