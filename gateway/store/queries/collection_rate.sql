select * from collection_rate(%(frm)s, %(till)s, %(place)s, %(by_day)s) c
 where %(below)s::text[] is null
    or case when %(place)s::text in ('device', 'concentrator')
            then c.key in (select d.device_id from device d join node n using (node_key)
                            where n.node_id in (select nodes_below(%(below)s::text[])))
            else c.key in (select nodes_below(%(below)s::text[])) end
 order by day, rate nulls last, key
 limit %(limit)s
