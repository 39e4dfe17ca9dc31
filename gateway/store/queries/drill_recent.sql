select * from drill_now order by starts_at desc, drill_id limit %(limit)s
