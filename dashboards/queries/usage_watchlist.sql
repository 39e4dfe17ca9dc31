-- Whose usage to look at first, with the strongest reason and what is being done about it.
select score as "Score",
       device_id as "Device",
       transformer_id as "Transformer",
       customer_class as "Class",
       since as "Since",
       words as "Strongest reason",
       jsonb_array_length(reasons) as "Reasons",
       ticket_number as "Ticket",
       ticket_state as "Ticket state"
  from feederline.usage_watchlist
 where score >= 0.05
 order by score desc, device_id
 limit 100
