select * from major_event_day(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz)
