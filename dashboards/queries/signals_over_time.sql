-- Signals by kind in each step.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), s.received_at, timestamptz '2000-01-01 00:00:00+00')
           as "time",
       s.kind as "metric",
       count(*) as "value"
  from feederline.signal s
 where $__timeFilter(s.received_at)
 group by 1, 2
 order by 1, 2
