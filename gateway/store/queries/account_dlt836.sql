select * from dlt_836(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz, %(basis)s::text)
