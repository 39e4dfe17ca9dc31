delete from area_finding where day = %(day)s
