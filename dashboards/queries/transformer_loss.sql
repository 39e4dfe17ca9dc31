-- Loss of one transformer's area by local day, as a share of what was supplied; technical is what its own history explains.
select a.starts_at as "time",
       a.loss / nullif(a.supplied, 0) as "Loss",
       a.technical / nullif(a.supplied, 0) as "Technical",
       feederline.setting_number('high_loss_ratio') as "High loss"
  from feederline.area_loss_day a
 where a.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
   and $__timeFilter(a.starts_at)
 order by a.starts_at
