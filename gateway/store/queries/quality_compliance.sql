-- Those with the least compliance first.
select * from voltage_compliance(%(frm)s::timestamptz, %(till)s::timestamptz, %(place)s::text)
 order by percent nulls last, observed_minutes desc, key
 limit %(limit)s
