-- What was not collected and has not come since, by why.
select g.cause as "Cause",
       count(*) as "Gaps",
       count(distinct g.device_key) as "Devices",
       sum(g.intervals - g.filled) as "Intervals",
       count(*) filter (where g.asks > 0) as "Asked for again",
       min(g.starts_at) as "Oldest"
  from feederline.gap g
 where g.filled_at is null
 group by g.cause
 order by sum(g.intervals - g.filled) desc, g.cause
