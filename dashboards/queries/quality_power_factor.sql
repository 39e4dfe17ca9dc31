-- Customers below the power factor that their class asks for, of the days that begin in the range; by energy not made good.
with below as materialized (
    select q.device_key, count(*) as days
      from feederline.quality_day q
      join feederline.device d using (device_key)
     where $__timeFilter(q.starts_at) and q.power_factor < q.power_factor_limit
       and ('*' in (${feeder:sqlstring})
            or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
     group by q.device_key
     order by sum(q.power_factor_limit - q.power_factor) desc, q.device_key
     limit 100
)
select d.device_id as "Device",
       d.attributes ->> 'customer_class' as "Class",
       a.power_factor as "Power factor",
       a.power_factor_limit as "Limit",
       a.below as "Time below",
       b.days as "Days below",
       a.days as "Days"
  from below b
  join feederline.device d using (device_key)
 cross join lateral (select avg(q.power_factor) as power_factor, max(q.power_factor_limit) as power_factor_limit,
                            sum(q.power_factor_low_min)::double precision / nullif(sum(q.power_factor_min), 0) as below,
                            count(*) as days
                       from feederline.quality_day q
                      where q.device_key = b.device_key and $__timeFilter(q.starts_at)
                        and q.power_factor_limit is not null and q.power_factor is not null) a
 order by a.power_factor - a.power_factor_limit, d.device_id
