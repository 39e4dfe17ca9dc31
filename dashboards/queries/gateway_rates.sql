-- What came in and what of it was new, a minute; means over each step of the minutes that were written down.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(m.readings) as "Readings in",
       avg(m.rows_written) as "Rows written",
       avg(m.signals) as "Signals"
  from feederline.gateway_minute m
 where $__timeFilter(m.at)
 group by 1
 order by 1
