select ensure_interval_partitions(%(months)s::date[])
