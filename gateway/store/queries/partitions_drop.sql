select drop_partitions(%(first)s::date)
