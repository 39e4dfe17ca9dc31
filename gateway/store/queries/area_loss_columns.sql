-- One row of columns for each day: the books of a year are many rows, and few days.
select a.day, min(a.starts_at), min(a.ends_at), a.hours, array_agg(n.node_id order by a.transformer_key),
       array_agg(a.members order by a.transformer_key), array_agg(a.supplied order by a.transformer_key),
       array_agg(a.sold order by a.transformer_key), array_agg(a.intervals order by a.transformer_key),
       array_agg(a.used order by a.transformer_key), array_agg(a.without_supply order by a.transformer_key),
       array_agg(a.without_member order by a.transformer_key), array_agg(a.moments order by a.transformer_key)
  from area_loss_day a join node n on n.node_key = a.transformer_key
 where a.day >= %(frm)s and a.day < %(till)s
 group by a.day, a.hours
 order by a.day
