select sum_days(1)
