-- Which of these devices have intervals of a quantity at all.
select array_agg(d.device_key)
  from unnest(%(devices)s::integer[]) as d (device_key)
 where exists (select from interval i where i.device_key = d.device_key and i.quantity = %(quantity)s::smallint)
