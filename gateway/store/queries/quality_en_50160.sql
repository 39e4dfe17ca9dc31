-- Those who do not meet it first.
select * from en_50160(%(frm)s::timestamptz, %(till)s::timestamptz)
 order by met, percent nulls last, device_id
 limit %(limit)s
