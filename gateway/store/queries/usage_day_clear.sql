delete from usage_day where day = %(day)s
