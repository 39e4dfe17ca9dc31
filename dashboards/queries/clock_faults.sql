-- Devices whose own clocks were wrong within the last day.
select d.device_id as "Device",
       d.kind as "Kind",
       t.node_id as "Transformer",
       c.error_s as "Off by",
       c.signals as "Signals",
       c.readings as "Readings",
       c.last_at as "Last"
  from feederline.clock_fault c
  join feederline.device d using (device_key)
  left join feederline.node t on t.node_key = d.transformer_key
 order by abs(c.error_s) desc nulls last, c.last_at desc
 limit 100
