-- What the machine says of intervals that stand, for those that are to be put: nothing new is not sent at all.
select array_agg(device_key), array_agg(starts_at), array_agg(coalesce(machine_status, status)),
       array_agg(coalesce(machine_rules, rules)), array_agg(coalesce(raw, 'NaN')),
       array_agg(coalesce(case when status = 4 then machine_value else value end, 'NaN'))
  from interval
 where device_key = any(%(devices)s::integer[]) and quantity = %(quantity)s::smallint
   and starts_at >= %(low)s and starts_at <= %(high)s
