select * from reliability_split(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz)
