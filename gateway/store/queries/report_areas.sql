-- The account of supply by area of the metering points (attribute area: urban, rural, remote), most minutes first.
with member as materialized (
    select device_key, coalesce(attributes ->> 'area', '') as area, case when listed then customers else 0 end as customers
      from device
), counted as (
    select m.area, sum(j.customers)::bigint as interruptions,
           coalesce(sum(j.customers * j.micros) filter (where not j.going_on), 0)::double precision / 60e6 as minutes,
           coalesce(sum(j.customers) filter (where j.going_on), 0)::bigint as open_customers,
           coalesce(sum(j.customers * j.micros) filter (where j.going_on), 0)::double precision / 60e6 as open_minutes
      from judged_spell(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz) j
      join member m on m.device_key = j.user_key
     where j.sustained
     group by m.area
)
select g.area, g.served, coalesce(c.interruptions, 0) as customer_interruptions, coalesce(c.minutes, 0) as customer_minutes,
       coalesce(c.open_customers, 0) as open_customers, coalesce(c.open_minutes, 0) as open_customer_minutes
  from (select area, sum(customers)::bigint as served from member group by area) g
  left join counted c using (area)
 where g.served > 0 or c.interruptions > 0
 order by coalesce(c.minutes, 0) + coalesce(c.open_minutes, 0) desc, g.area
