-- Devices that gave nothing though nothing says that their supply is gone, by what they hang on.
select d.protocol as "Protocol",
       coalesce(v.device_id, '–') as "Through",
       s.kind as "Kind",
       count(*) as "Devices",
       sum(s.customers) as "Customers",
       min(s.device_id) as "Device",
       count(distinct s.transformer_key) as "Transformers"
  from feederline.device_state_now s
  join feederline.device d using (device_key)
  left join feederline.device v on v.device_key = s.via_key
 where s.state = 'silent'
 group by d.protocol, v.device_id, s.kind
 order by count(*) desc, 1, 2
 limit 100
