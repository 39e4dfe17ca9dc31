-- Those with the least compliance first.
select * from voltage_compliance(%(frm)s::timestamptz, %(till)s::timestamptz, %(place)s::text) c
 where %(below)s::text[] is null
    or case when %(place)s::text = 'device'
            then c.key in (select d.device_id from device d join node n using (node_key)
                            where n.node_id in (select nodes_below(%(below)s::text[])))
            else c.key in (select nodes_below(%(below)s::text[])) end
 order by percent nulls last, observed_minutes desc, key
 limit %(limit)s
