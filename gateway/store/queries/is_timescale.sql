select timescale from migration order by version limit 1
