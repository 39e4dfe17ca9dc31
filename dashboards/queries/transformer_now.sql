-- One transformer at this moment; its load is of the last reading within an hour.
select coalesce(sum(s.customers), 0) as "Customers",
       coalesce(sum(s.customers) filter (where s.state = 'off'), 0) as "Off",
       coalesce(sum(s.customers) filter (where s.state = 'unknown'), 0) as "Unknown",
       max(l.kva) as "Load",
       max(l.kva) / nullif(max(feederline.listed_number(n.attributes ->> 'rated_kva')), 0) as "Of rating",
       max(a.ratio) as "Loss"
  from feederline.node n
  left join feederline.supply_now s on s.transformer_key = n.node_key
  left join lateral (select coalesce(r.apparent_power, sqrt(r.active_power ^ 2 + coalesce(r.reactive_power, 0) ^ 2)) / 1000 as kva
                       from feederline.reading r
                      where r.device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
                        and r.measured_at > now() - interval '1 hour' and coalesce(r.apparent_power, r.active_power) is not null
                      order by r.measured_at desc limit 1) l on true
  left join lateral (select b.ratio from feederline.area_loss_day b
                      where b.transformer_key = n.node_key order by b.day desc limit 1) a on true
 where n.node_id = ${transformer:sqlstring}
 group by n.node_key
