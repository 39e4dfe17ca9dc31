select * from planned_outage_now where ends_at > %(since)s order by received_at, reference, node_id
