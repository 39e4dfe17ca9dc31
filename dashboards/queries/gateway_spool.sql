-- Bytes held in the spool: the most within each step.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), m.at, timestamptz '2000-01-01 00:00:00+00') as "time", max(m.spool_bytes) as "Spool"
  from (select m.at, m.spool_bytes
          from feederline.gateway_minute m
         where $__interval_ms < 3600000 and $__timeFilter(m.at)
        union all
        select h.hour, h.spool_bytes
          from feederline.gateway_hour h
         where $__interval_ms >= 3600000 and $__timeFilter(h.hour)) m
 group by 1
 order by 1
