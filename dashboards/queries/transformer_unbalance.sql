-- Voltage unbalance at one transformer, %: as measured; else of the phase voltages as if they stood 120 degrees apart, an upper
-- bound. Current unbalance: the furthest phase from their mean, over that mean, of the currents of each step.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 86400000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select measured_at as at, voltage_unbalance as told, voltage_a as a, voltage_b as b, voltage_c as c,
           current_a as ia, current_b as ib, current_c as ic
      from feederline.reading
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select bucket, voltage_unbalance_max, voltage_a_avg, voltage_b_avg, voltage_c_avg, current_a_avg, current_b_avg, current_c_avg
      from feederline.reading_15min
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_unbalance_max, voltage_a_avg, voltage_b_avg, voltage_c_avg, current_a_avg, current_b_avg, current_c_avg
      from feederline.reading_hourly
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 3600000 and $__interval_ms < 86400000 and $__timeFilter(bucket)
    union all
    select bucket, voltage_unbalance_max, voltage_a_avg, voltage_b_avg, voltage_c_avg, current_a_avg, current_b_avg, current_c_avg
      from feederline.reading_daily
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.node_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers = 0 and d.kind <> 'concentrator' and d.listed))
       and $__interval_ms >= 86400000 and $__timeFilter(bucket)
), stepped as (
    select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as at, max(coalesce(p.told, 100 * sqrt(greatest(p.a * p.a + p.b * p.b + p.c * p.c - p.a * p.b - p.b * p.c - p.c * p.a, 0)) / nullif(p.a + p.b + p.c, 0))) as voltage,
           avg(p.ia) as ia, avg(p.ib) as ib, avg(p.ic) as ic
      from step s, piece p
     group by 1
)
select at as "time",
       voltage as "Voltage unbalance",
       100 * (greatest(abs(ia), abs(ib), abs(ic)) / nullif((abs(ia) + abs(ib) + abs(ic)) / 3, 0) - 1) as "Current unbalance",
       feederline.setting_number('unbalance_limit_percent') as "Limit of voltage unbalance"
  from stepped
 where coalesce(voltage, ia) is not null
 order by at
