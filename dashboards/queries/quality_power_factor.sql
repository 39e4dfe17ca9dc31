-- Customers below the power factor that their class asks for, of the days that begin in the range; by energy not made good.
select d.device_id as "Device",
       d.attributes ->> 'customer_class' as "Class",
       avg(q.power_factor) as "Power factor",
       max(q.power_factor_limit) as "Limit",
       sum(q.power_factor_low_min)::double precision / nullif(sum(q.power_factor_min), 0) as "Time below",
       count(*) filter (where q.power_factor < q.power_factor_limit) as "Days below",
       count(*) as "Days"
  from feederline.quality_day q
  join feederline.device d using (device_key)
 where $__timeFilter(q.starts_at) and q.power_factor_limit is not null and q.power_factor is not null
   and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))
 group by d.device_id, d.attributes ->> 'customer_class'
having count(*) filter (where q.power_factor < q.power_factor_limit) > 0
 order by avg(q.power_factor) - max(q.power_factor_limit), d.device_id
 limit 100
