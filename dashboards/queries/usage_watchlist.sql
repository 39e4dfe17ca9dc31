-- Whose usage to look at first, with the strongest reason and what is being done about it.
select w.score as "Score",
       w.device_id as "Device",
       w.transformer_id as "Transformer",
       w.customer_class as "Class",
       w.since as "Since",
       w.words as "Strongest reason",
       jsonb_array_length(w.reasons) as "Reasons",
       w.ticket_number as "Ticket",
       w.ticket_state as "Ticket state",
       w.incident_id as "incident_id"
  from feederline.usage_watchlist w
 where w.score >= 0.05 and ('*' in (${feeder:sqlstring}) or w.feeder_id in (${feeder:sqlstring}))
 order by w.score desc, w.device_id
 limit 100
