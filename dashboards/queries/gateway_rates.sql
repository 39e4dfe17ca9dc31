-- What came in and what of it was new, a minute; means over each step of the minutes that were written down.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       sum(m.readings)::double precision / sum(m.minutes) as "Readings in",
       sum(m.rows_written)::double precision / sum(m.minutes) as "Rows written",
       sum(m.signals)::double precision / sum(m.minutes) as "Signals"
  from (select m.at, m.readings, m.rows_written, m.signals, 1 as minutes
          from feederline.gateway_minute m
         where $__interval_ms < 3600000 and $__timeFilter(m.at)
        union all
        select h.hour, h.readings, h.rows_written, h.signals, h.minutes
          from feederline.gateway_hour h
         where $__interval_ms >= 3600000 and $__timeFilter(h.hour)) m
 group by 1
 order by 1
