-- Supply quality on the last whole day that was accounted, and what is out of limits at this moment.
select q.compliance as "Compliance, last whole day",
       q.points as "Points observed",
       q.out as "Points out of limits",
       i.incidents as "Open incidents",
       e.events as "Open events"
  from (select 1 - sum(q.out_min)::double precision / nullif(sum(q.observed_min), 0) as compliance,
               count(*) filter (where q.observed_min > 0) as points, count(*) filter (where q.out_min > 0) as out
          from feederline.quality_day q
          join feederline.device d on d.device_key = q.device_key and d.customers > 0
         where q.starts_at = (select max(l.starts_at) from feederline.quality_day l
                       where l.starts_at <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours')
           and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))) q,
       (select count(*) as incidents from feederline.incident
         where kind = 'power_quality' and state in ('open', 'restored') and drill = '') i,
       (select count(*) as events
          from feederline.meter_event e join feederline.device d using (device_key)
         where e.ended_at is null and d.listed and ('*' in (${feeder:sqlstring})
        or d.feeder_key = any (array(select f.node_key from feederline.node f where f.node_id in (${feeder:sqlstring}))))) e
