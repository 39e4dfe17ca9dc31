-- How far storing is behind hearing: entries that wait, and time; the most within each step.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       max(m.lag_entries) as "Waiting to be stored",
       max(extract(epoch from m.at - m.stream_at))::double precision as "Behind"
  from feederline.gateway_minute m
 where $__timeFilter(m.at)
 group by 1
 order by 1
