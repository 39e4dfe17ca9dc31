-- Transformers of the feeders chosen; those of one name with their ids.
select case when count(*) over (partition by t.name) > 1 and t.name <> '' then format('%s (%s)', t.name, t.node_id)
            else coalesce(nullif(t.name, ''), t.node_id) end as __text,
       t.node_id as __value
  from feederline.node t
  join feederline.node_place p on p.node_key = t.node_key
 where t.kind = 'transformer' and t.listed
   and ('*' in (${feeder:sqlstring}) or p.feeder in (${feeder:sqlstring}))
 order by 1, 2
