select * from collection_rate(%(frm)s, %(till)s, %(place)s, %(by_day)s)
 order by day, rate nulls last, key
 limit %(limit)s
