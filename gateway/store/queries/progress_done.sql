update meter_data_progress set done_until = %(till)s where done_until < %(till)s
