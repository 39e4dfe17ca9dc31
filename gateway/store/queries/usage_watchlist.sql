select w.device_id, w.device_kind, w.node_id, w.transformer_id, w.feeder_id, w.customer_class, w.score, w.since, w.until, w.rule,
       w.words, w.reasons, w.incident_id, w.ticket_number, w.ticket_state
  from usage_watchlist w
 where w.score >= %(score)s
   and (%(below)s::text[] is null or w.node_id in (select nodes_below(%(below)s::text[])))
 order by w.score desc, w.device_id
 limit %(limit)s
