-- Loss of all balanced areas together by local day, as a share of what was supplied to them; estimates do not count.
select min(a.starts_at) as "time",
       sum(a.loss) / nullif(sum(a.supplied), 0) as "Loss",
       sum(a.technical) / nullif(sum(a.supplied) filter (where a.technical is not null), 0) as "Technical",
       feederline.setting_number('high_loss_ratio') as "High loss"
  from feederline.area_loss_day a
 where a.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
   and ('*' in (${feeder:sqlstring})
        or exists (select from feederline.device d
                     join feederline.node f on f.node_key = d.feeder_key
                    where d.transformer_key = a.transformer_key and f.node_id in (${feeder:sqlstring})))
 group by a.day
 order by a.day
