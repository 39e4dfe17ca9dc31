update meter_data_progress set final_before = %(final_before)s where final_before < %(final_before)s
