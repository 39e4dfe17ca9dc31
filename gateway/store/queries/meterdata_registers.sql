-- Columns of one register's readings in [frm, till], and of each device the nearest one on both sides within reach.
-- A row without the value is told (NaN) where it is on record that what came was none.
with wanted as (
    select unnest(%(devices)s::integer[]) as device_key
), found as (
    select r.device_key, r.measured_at, r.received_at, r.quality, r.{quantity} as value
      from reading r
     where r.device_key = any(%(devices)s::integer[]) and r.measured_at >= %(frm)s and r.measured_at <= %(till)s
       and (r.{quantity} is not null
            or (r.quality & 1 = 1
                and exists (select from rejected_value v
                             where v.device_key = r.device_key and v.measured_at = r.measured_at
                               and v.quantity = %(quantity)s)))
    union all
    select b.* from wanted w
     cross join lateral (select r.device_key, r.measured_at, r.received_at, r.quality, r.{quantity}
                           from reading r
                          where r.device_key = w.device_key and r.measured_at < %(frm)s
                            and r.measured_at >= %(frm)s - %(reach)s and r.{quantity} is not null
                          order by r.measured_at desc limit 1) b
    union all
    select a.* from wanted w
     cross join lateral (select r.device_key, r.measured_at, r.received_at, r.quality, r.{quantity}
                           from reading r
                          where r.device_key = w.device_key and r.measured_at > %(till)s
                            and r.measured_at <= %(till)s + %(reach)s and r.{quantity} is not null
                          order by r.measured_at limit 1) a
)
select array_agg(device_key), array_agg(measured_at), array_agg(received_at), array_agg(quality),
       array_agg(coalesce(value, 'NaN'))
  from found
