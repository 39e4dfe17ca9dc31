-- Messages by target: what waits, what was given up in the range (`next_at`: when its last try was due), and how fast those made in
-- the range got through.
select d.target as "Target",
       count(*) filter (where d.state = 'pending') as "Waiting",
       min(d.created_at) filter (where d.state = 'pending') as "Oldest waiting",
       count(*) filter (where d.state = 'dead' and $__timeFilter(d.next_at)) as "Dead",
       count(*) filter (where d.state = 'delivered') as "Delivered",
       max(d.delivered_at) as "Last delivered",
       percentile_cont(0.5) within group (order by extract(epoch from d.delivered_at - d.created_at)) as "Half within",
       percentile_cont(0.95) within group (order by extract(epoch from d.delivered_at - d.created_at)) as "Nearly all within",
       max(d.attempts) as "Most tries",
       w.disabled_at as "Disabled since",
       w.late_since as "Alarm since"
  from feederline.delivery d
  left join feederline.webhook_target w using (target)
 where d.state = 'pending' or (d.state = 'dead' and $__timeFilter(d.next_at)) or $__timeFilter(d.created_at)
 group by d.target, w.disabled_at, w.late_since
 order by 2 desc, 4 desc, 1
