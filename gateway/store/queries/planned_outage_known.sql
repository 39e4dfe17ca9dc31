select * from planned_outage_now
 where reference = any(%(references)s::text[])
 order by reference, node_id
