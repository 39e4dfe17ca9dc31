-- Messages made in each step, by what has become of them.
select date_bin(make_interval(secs => greatest($__interval_ms, 60000) / 1000.0), d.created_at, timestamptz '2000-01-01 00:00:00+00')
           as "time",
       count(*) filter (where d.state = 'delivered') as "Delivered",
       count(*) filter (where d.state = 'pending') as "Waiting",
       count(*) filter (where d.state = 'dead') as "Dead"
  from feederline.delivery d
 where $__timeFilter(d.created_at)
 group by 1
 order by 1
