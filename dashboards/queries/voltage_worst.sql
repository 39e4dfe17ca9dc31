-- Transformers whose customers had the least time within GB/T 12325, of the days that begin in the range.
select c.key as "Transformer",
       n.name as "Name",
       c.percent / 100 as "Compliance",
       c.points as "Points",
       c.low_minutes as "Too low",
       c.high_minutes as "Too high"
  from feederline.voltage_compliance($__timeFrom(), $__timeTo(), 'transformer') c
  left join feederline.node n on n.node_id = c.key
 order by c.percent nulls last, c.key
 limit 50
