-- Marks over time: outages and whatever else left customers without supply; those of a few are left out where there are many.
select i.started_at as "time",
       i.ended_at as "timeend",
       coalesce(nullif(n.name, ''), i.node_id) as "title",
       i.summary as "text",
       concat_ws(',', i.kind, i.state) as "tags"
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
 where i.kind in ('outage', 'phase_loss', 'planned_outage', 'communications_loss')
   and i.state in ('open', 'restored', 'closed') and i.drill = ''
   and i.started_at <= $__timeTo() and coalesce(i.ended_at, 'infinity') >= $__timeFrom()
 order by i.customers desc, i.started_at
 limit 100
