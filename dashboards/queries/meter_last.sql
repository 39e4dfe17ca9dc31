-- The newest value of each quantity that one device measured within the last two days, of its last 50 rows.
select q.name as "Quantity",
       (array_agg(q.value::double precision order by r.measured_at desc))[1] as "Value",
       case when q.name ~ '^voltage_unbalance|^current_unbalance' then '%'
            when q.name like 'voltage_%' then 'V' when q.name like 'current_%' then 'A'
            when q.name like 'active_power%' then 'W' when q.name like 'reactive_power%' then 'var'
            when q.name like 'apparent_power%' then 'VA' when q.name = 'frequency' then 'Hz'
            when q.name like 'reactive_energy%' then 'kvarh' when q.name like 'energy%' then 'kWh'
            when q.name = 'temperature' then '°C' end as "Unit",
       max(r.measured_at) as "Measured at",
       bool_or(r.quality <> 0) as "Marked"
  from (select * from feederline.reading r
         where r.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
           and r.measured_at > now() - interval '2 days'
         order by r.measured_at desc limit 50) r,
       jsonb_each_text(to_jsonb(r) - '{device_key,measured_at,received_at,quality}'::text[]) as q (name, value)
 where q.value is not null
 group by q.name
 order by q.name
