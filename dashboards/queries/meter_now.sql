-- One device at this moment. Age: since its last reading within two days; empty where there is none.
select s.state as "Supply",
       s.since as "Since",
       extract(epoch from now() - l.measured_at)::double precision as "Age of the last reading",
       c.rate as "Collected, last whole day",
       u.score as "Usage score",
       i.incidents as "Open incidents"
  from feederline.device d
  left join feederline.supply_now s using (device_key)
  left join lateral (select r.measured_at from feederline.reading r
                      where r.device_key = d.device_key and r.measured_at > now() - interval '2 days'
                      order by r.measured_at desc limit 1) l on true
  left join lateral (select sum(c.collected)::double precision / nullif(sum(c.expected), 0) as rate
                       from feederline.collection_day c,
                            (select coalesce(feederline.setting_text('time_zone'), 'UTC') as name) z
                      where c.device_key = d.device_key
                        and c.day = date_subtract(date_trunc('day', now(), z.name), interval '1 day', z.name)) c on true
  left join lateral (select u.score from feederline.suspicion u
                      where u.device_key = d.device_key order by u.until desc, u.received_at desc limit 1) u on true
  left join lateral (select count(*) as incidents
                       from feederline.incident_device m join feederline.incident n using (incident_id)
                      where m.device_key = d.device_key and n.state in ('open', 'restored') and n.drill = '') i on true
 where d.device_id = ${device:sqlstring}
