-- Filled is what measured intervals cover from end to end: of a day that goes on, what lacks has no row yet.
with counted as (
    select g.gap_id, count(*) as intervals,
           count(*) filter (where coalesce(i.machine_status, i.status) >= 2) as filled,
           coalesce(sum(i.ends_at - i.starts_at) filter (where coalesce(i.machine_status, i.status) >= 2), interval '0')
               >= g.ends_at - g.starts_at as whole
      from gap g
      join interval i on i.device_key = g.device_key and i.quantity = g.quantity
                     and i.starts_at >= g.starts_at and i.starts_at < g.ends_at
     where g.device_key = any(%(devices)s::integer[]) and g.quantity = %(quantity)s::smallint and g.filled_at is null
     group by g.gap_id
), settled as (
    update gap g
       set intervals = c.intervals, filled = c.filled, filled_at = case when c.whole then %(at)s::timestamptz end
      from counted c
     where c.gap_id = g.gap_id and (g.intervals <> c.intervals or g.filled <> c.filled or c.whole)
    returning g.filled_at
)
select count(filled_at) from settled
