-- EN 50160 over the week before the end of the range: how many points meet what it asks of voltage.
select count(*) as "Points judged",
       count(*) filter (where w.means_in >= 0.95 * w.means and w.means_wide = w.means) as "Points that meet it",
       count(*) filter (where w.means_in >= 0.95 * w.means and w.means_wide = w.means)::double precision
           / nullif(count(*), 0) as "Share that meets it"
  from (select sum(q.means) as means, sum(q.means_in) as means_in, sum(q.means_wide) as means_wide
          from feederline.quality_day q
          join feederline.device d on d.device_key = q.device_key and d.customers > 0
         where q.starts_at >= timestamptz $__timeTo() - interval '7 days' and q.starts_at < $__timeTo()
           and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
         group by q.device_key
        having sum(q.means) > 0) w
