-- The gateway's condition as it last wrote it down, and how long ago that was.
select m.ready as "Ready",
       extract(epoch from now() - m.at)::double precision as "Last heard of",
       extract(epoch from m.at - m.stream_at)::double precision as "Behind",
       m.lag_entries as "Waiting to be stored",
       m.spool_bytes as "Spool",
       m.alarms as "Alarms"
  from feederline.gateway_minute m
 order by m.at desc
 limit 1
