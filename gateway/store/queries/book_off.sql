select device_key, (extract(epoch from started_at) * 1000000)::bigint,
       (extract(epoch from coalesce(ended_at, %(till)s::timestamptz)) * 1000000)::bigint
  from counted_interruption
 where state = 'off' and started_at < %(till)s and (ended_at is null or ended_at > %(frm)s)
