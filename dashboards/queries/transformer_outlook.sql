-- The load that is or was to be expected of one transformer, its upper quantile, and what it is rated for; kW.
select o.starts_at as "time", o.expected_kw as "Expected", o.high_kw as "Upper quantile", o.limit_kw as "Rated"
  from feederline.load_outlook o
 where o.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
   and $__timeFilter(o.starts_at)
 order by o.starts_at
