select * from drill order by starts_at desc, drill_id limit %(limit)s
