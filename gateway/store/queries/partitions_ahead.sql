select ensure_partitions(%(today)s::date - 1, %(last)s::date)
