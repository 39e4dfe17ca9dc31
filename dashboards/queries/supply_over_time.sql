-- Customers off and unknown: the most at once within each step.
select s.starts_at as "time",
       s.off_most as "Off",
       s.unknown_most as "Unknown"
  from feederline.supply_over_time($__timeFrom(), $__timeTo(), make_interval(secs => $__interval_ms / 1000.0)) s
 order by s.starts_at
