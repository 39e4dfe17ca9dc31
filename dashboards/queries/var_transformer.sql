-- Transformers of the feeders chosen.
select coalesce(nullif(t.name, ''), t.node_id) as __text, t.node_id as __value
  from feederline.node t
  join feederline.node_place p on p.node_key = t.node_key
 where t.kind = 'transformer' and t.listed
   and ('*' in (${feeder:sqlstring}) or p.feeder in (${feeder:sqlstring}))
 order by 1, 2
