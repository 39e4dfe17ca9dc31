select nullif(done_until, '-infinity') from meter_data_progress
