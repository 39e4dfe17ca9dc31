select * from reliability(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz, '{all,fault,planned}')
