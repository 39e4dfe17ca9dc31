-- When the gateway was away within the window, cut to it.
select greatest(started_at, %(frm)s) as started_at, least(ended_at, %(to)s) as ended_at
  from gateway_absence
 where started_at < %(to)s and ended_at > %(frm)s
 order by 1
