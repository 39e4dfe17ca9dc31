select array_agg(device_key), array_agg(starts_at), array_agg(ends_at), array_agg(coalesce(raw, 'NaN')),
       array_agg(coalesce(value, 'NaN')), array_agg(status), array_agg(rules)
  from interval
 where device_key = any(%(devices)s::integer[]) and quantity = %(quantity)s::smallint
   and starts_at >= %(frm)s and starts_at < %(till)s
