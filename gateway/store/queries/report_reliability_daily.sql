select * from reliability_daily(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz)
