-- Listed devices of which nothing was measured for three of their intervals, at least 15 minutes and at most two days, nor of
-- any that hangs on them; and of when the latest reading is that came through each concentrator within that time. One look
-- into the index per device.
with heard as materialized (
    select d.device_key, d.device_id, d.via_key, r.measured_at
      from device d
      left join lateral (select measured_at from reading
                          where device_key = d.device_key and measured_at <= %(at)s
                            and measured_at > %(at)s::timestamptz - interval '2 days'
                            and measured_at > %(at)s::timestamptz - make_interval(secs => greatest(3 * d.interval_s, 900))
                          order by measured_at desc limit 1) r on true
     where d.listed
), through as (
    select via_key, max(measured_at) as measured_at from heard where via_key is not null and measured_at is not null group by via_key
)
select h.device_id, t.measured_at
  from heard h left join through t on t.via_key = h.device_key
 where h.measured_at is null or t.measured_at is not null
