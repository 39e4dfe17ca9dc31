-- Where a day becomes a major event day (IEEE 1366, 2.5 beta), by the history before the range shown.
select l.t_med_minutes as "Limit (T_MED)",
       l.days as "Days with interruptions",
       greatest(extract(epoch from timestamptz $__timeFrom() - l.history_from)::double precision / 31556952, 0) as "Years known"
  from feederline.major_event_limit($__timeFrom()) l
