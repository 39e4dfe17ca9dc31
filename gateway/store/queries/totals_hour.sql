select sum_hours(%(at)s, 1)
