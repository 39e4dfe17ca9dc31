select array_agg(device_key), array_agg(day), array_agg(expected), array_agg(collected), array_agg(estimated),
       array_agg(missing), array_agg(edited), array_agg(supply), array_agg(device), array_agg(communications),
       array_agg(gateway)
  from collection_day
 where device_key = any(%(devices)s::integer[]) and quantity = %(quantity)s::smallint
   and day >= %(frm)s and day < %(till)s
