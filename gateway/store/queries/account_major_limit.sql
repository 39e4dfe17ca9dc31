select * from major_event_limit(%(frm)s::timestamptz)
