with old_signal as (delete from signal where received_at < %(before)s),
     old_letter as (delete from dead_letter where received_at < %(before)s)
delete from rejected_value where measured_at < %(before)s
