-- Unusual usage at this moment: scores, incidents and areas that lose much. Who serves nobody measures an area, which opens an
-- incident from a score of its own on.
select (select count(*) from feederline.suspicion_now s join feederline.device d using (device_key)
         where d.listed
           and s.score >= case when d.customers > 0 then (select feederline.setting_number('usage_open_score'))
                               else (select feederline.setting_number('usage_open_area_score')) end
           and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))) as "Scores that open an incident",
       (select count(*) from feederline.suspicion_now s join feederline.device d using (device_key)
         where d.listed and s.score >= 0.05 and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))) as "On the list",
       (select count(*) from feederline.incident i
         where i.kind = 'usage_anomaly' and i.state in ('open', 'restored') and i.drill = '') as "Open incidents",
       (select count(*)
          from feederline.incident i join feederline.ticket t using (incident_id)
         where i.kind = 'usage_anomaly' and i.drill = ''
           and t.state not in ('closed', 'merged', 'cancelled')) as "Inspections to be done",
       (select count(*) from feederline.area_loss_now a
         where a.ratio > feederline.setting_number('high_loss_ratio')) as "Areas with high loss"
