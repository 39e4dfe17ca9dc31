select * from drill_now where drill_id = %(drill)s
