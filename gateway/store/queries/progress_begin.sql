update meter_data_progress set reckoning_until = %(till)s where reckoning_until < %(till)s
