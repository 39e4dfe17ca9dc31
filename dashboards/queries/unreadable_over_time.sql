-- Input that could not be understood, and values that are no values, in each step.
select t.at as "time", sum(t.letters) as "Dead letters", sum(t.refused) as "Rejected values"
  from (select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), l.received_at,
                        timestamptz '2000-01-01 00:00:00+00') as at, 1 as letters, 0 as refused
          from feederline.dead_letter_told l
         where $__timeFilter(l.received_at)
        union all
        select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), v.measured_at,
                        timestamptz '2000-01-01 00:00:00+00'), 0, 1
          from feederline.rejected_value_told v
         where $__timeFilter(v.measured_at)) t
 group by t.at
 order by t.at
