select * from drill where drill_id = %(drill)s
