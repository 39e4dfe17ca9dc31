select (extract(epoch from started_at) * 1000000)::bigint, (extract(epoch from ended_at) * 1000000)::bigint
  from gateway_absence
 where started_at < %(till)s and ended_at > %(frm)s
 order by started_at
