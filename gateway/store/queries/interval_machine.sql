-- What the machine says of intervals that stand, for those that are to be put: nothing new is not sent at all. The one
-- that reaches into the stretch from before it comes too.
select array_agg(device_key), array_agg(starts_at), array_agg(ends_at), array_agg(coalesce(machine_status, status)),
       array_agg(coalesce(machine_rules, rules)), array_agg(coalesce(raw, 'NaN')),
       array_agg(coalesce(case when status = 4 then machine_value else value end, 'NaN'))
  from (select device_key, starts_at, ends_at, machine_status, status, machine_rules, rules, raw, machine_value, value
          from interval
         where device_key = any(%(devices)s::integer[]) and quantity = %(quantity)s::smallint
           and starts_at >= %(low)s and starts_at <= %(high)s
        union all
        select i.*
          from unnest(%(devices)s::integer[]) as d (device_key)
         cross join lateral (
               select device_key, starts_at, ends_at, machine_status, status, machine_rules, rules, raw, machine_value, value
                 from interval b
                where b.device_key = d.device_key and b.quantity = %(quantity)s::smallint
                  and b.starts_at < %(low)s and b.starts_at > %(low)s::timestamptz - interval '2 days'
                order by b.starts_at desc
                limit 1) i
         where i.ends_at > %(low)s) standing
