select sort_default_partition(%(first)s::date, %(last)s::date)
