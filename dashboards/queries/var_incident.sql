-- Outages of the range shown, the latest first; exercises apart.
select format('%s  %s', to_char(i.started_at at time zone coalesce(feederline.setting_text('time_zone'), 'UTC'), 'MM-DD HH24:MI'),
              coalesce(nullif(n.name, ''), i.node_id)) as __text,
       i.incident_id as __value
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
 where i.kind in ('outage', 'phase_loss', 'planned_outage') and i.state in ('open', 'restored', 'closed') and i.drill = ''
   and i.started_at <= $__timeTo() and coalesce(i.ended_at, 'infinity') >= $__timeFrom()
 order by i.started_at desc, i.incident_id
 limit 200
