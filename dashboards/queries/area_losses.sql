-- The last balance of transformer areas, most lost beyond what is technical first.
select node_id as "Transformer",
       name as "Name",
       to_char(day, 'YYYY-MM-DD') as "Day",
       supplied as "Supplied",
       ratio as "Loss",
       level as "Beyond technical, a day",
       since as "Since",
       coverage as "Measured",
       array_to_string(found, ', ') as "Found",
       words as "In words"
  from feederline.area_loss_now
 where '*' in (${feeder:sqlstring}) or feeder_id in (${feeder:sqlstring})
 order by level desc nulls last, node_id
 limit 50
