-- Customer minutes of these feeders by day or month, what goes on included.
select a.key, a.period_from, a.customer_minutes + a.open_customer_minutes as minutes
  from reliability_by('feeder', %(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz, '{all}', 'lv', %(period)s::text) a
 where a.key = any(%(feeders)s::text[])
 order by a.period_from, a.key
