-- Phase-to-neutral voltages on the busbar of one transformer, between the limits of three-phase supply.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, voltage_a as a, voltage_b as b, voltage_c as c, least(voltage_a, voltage_b, voltage_c) as low,
           greatest(voltage_a, voltage_b, voltage_c) as high
      from feederline.reading
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_15min
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_hourly
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg, least(voltage_a_min, voltage_b_min, voltage_c_min),
           greatest(voltage_a_max, voltage_b_max, voltage_c_max)
      from feederline.reading_daily
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
), nominal as (
    select max(d.nominal_v) as volts from feederline.device d where d.device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
)
select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as "time",
       avg(p.a) as "Phase A",
       avg(p.b) as "Phase B",
       avg(p.c) as "Phase C",
       min(p.low) as "Lowest",
       max(p.high) as "Highest",
       max(n.volts) * feederline.setting_number('voltage_three_phase_low_ratio') as "Lower limit",
       max(n.volts) * feederline.setting_number('voltage_three_phase_high_ratio') as "Upper limit"
  from step s, nominal n, piece p
 group by 1
having count(p.low) > 0
 order by 1
