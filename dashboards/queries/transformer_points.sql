-- The metering points below one transformer, with what is known of each: those without supply first, then by voltage.
select s.device_id as "Device",
       coalesce(nullif(n.name, ''), n.node_id) as "Place",
       s.customers as "Customers",
       nullif(s.priority, '') as "Priority",
       s.state as "Supply",
       s.since as "Since",
       l.measured_at as "Last reading",
       q.compliance as "Compliance, last day",
       q.mean_low as "Lowest mean",
       c.rate as "Collected, last day",
       u.score as "Usage score",
       n.node_id as "node_id"
  from feederline.supply_now s
  left join feederline.node n using (node_key)
  left join lateral (select r.measured_at from feederline.reading r
                      where r.device_key = s.device_key and r.measured_at > now() - interval '1 day'
                      order by r.measured_at desc limit 1) l on true
  left join lateral (select 1 - y.out_min / nullif(y.observed_min, 0) as compliance, y.mean_low
                       from feederline.quality_day y
                      where y.device_key = s.device_key order by y.starts_at desc limit 1) q on true
  left join lateral (select sum(y.collected)::double precision / nullif(sum(y.expected), 0) as rate
                       from feederline.collection_day y,
                            (select coalesce(feederline.setting_text('time_zone'), 'UTC') as name) z
                      where y.device_key = s.device_key
                        and y.day = date_subtract(date_trunc('day', now(), z.name), interval '1 day', z.name)) c on true
  left join lateral (select y.score from feederline.suspicion y
                      where y.device_key = s.device_key order by y.until desc, y.received_at desc limit 1) u on true
 where s.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
   and s.customers > 0
 order by s.state = 'on', q.compliance nulls last, s.device_id
 limit 1000
