-- Customer minutes without supply by the day on which they began and by feeder: the thirty with the most in the range.
with zone as (
    select coalesce(feederline.setting_text('time_zone'), 'UTC') as name
), told as materialized (
    select m.day, m.feeder_id, m.name, m.customer_minutes + m.open_customer_minutes as minutes
      from feederline.feeder_minutes($__timeFrom(), $__timeTo()) m
     where '*' in (${feeder:sqlstring}) or m.feeder_id in (${feeder:sqlstring})
), worst as (
    select t.feeder_id, min(t.name) as name, sum(t.minutes) as minutes
      from told t
     group by t.feeder_id
     order by 3 desc, 1
     limit 30
), named as (
    select w.feeder_id, w.minutes,
           case when count(*) over (partition by w.name) > 1 then format('%s (%s)', w.name, w.feeder_id) else w.name end as name
      from worst w
)
select d.day as "time",
       n.name as "metric",
       coalesce(t.minutes, 0) as "Customer minutes"
  from zone z,
       generate_series(date_trunc('day', timestamptz $__timeFrom(), z.name), least(timestamptz $__timeTo(), now()), interval '1 day', z.name)
         as d (day)
       cross join named n
  left join told t on t.day = d.day and t.feeder_id = n.feeder_id
 order by d.day, n.minutes, n.feeder_id
