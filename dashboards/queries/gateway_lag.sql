-- How far storing is behind hearing: entries that wait, and time; the most within each step.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       max(m.lag_entries) as "Waiting to be stored",
       max(m.behind_s)::double precision as "Behind"
  from (select m.at, m.lag_entries, extract(epoch from m.at - m.stream_at) as behind_s
          from feederline.gateway_minute m
         where $__interval_ms < 3600000 and $__timeFilter(m.at)
        union all
        select h.hour, h.lag_entries, h.behind_s
          from feederline.gateway_hour h
         where $__interval_ms >= 3600000 and $__timeFilter(h.hour)) m
 group by 1
 order by 1
