-- Customers below one transformer that are off, and those of whom nobody knows, where the number changes.
with point as (
    select d.device_key, d.customers from feederline.device d where d.device_key = any (array(select d.device_key from feederline.device d
                              where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers > 0 and d.listed))
), told as (
    select s.of, s.customers, greatest(s.started_at, $__timeFrom()) as low, s.ended_at as high
      from feederline.spell s
     where s.device_key = any (array(select p.device_key from point p)) and s.of in ('all', 'unknown')
       and s.started_at < $__timeTo() and s.ended_at > $__timeFrom()
    union all
    select case w.state when 'off' then 'all' else 'unknown' end, w.customers, greatest(w.since, $__timeFrom()), null
      from feederline.without_supply_now w
     where w.device_key = any (array(select p.device_key from point p)) and w.since < $__timeTo()
), edge as (
    select low as at, case of when 'all' then customers else 0 end as off, case of when 'all' then 0 else customers end as unknown
      from told
    union all
    select high, case of when 'all' then -customers else 0 end, case of when 'all' then 0 else -customers end
      from told where high < $__timeTo()
    union all
    select t.at, 0, 0
      from (values (timestamptz $__timeFrom()), (least(timestamptz $__timeTo(), now()))) as t (at)
     where exists (select from point)
)
select at as "time",
       (sum(sum(off)) over (order by at))::bigint as "Off",
       (sum(sum(unknown)) over (order by at))::bigint as "Unknown"
  from edge
 group by at
 order by at
