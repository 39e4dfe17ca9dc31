-- Voltage at the metering points below one transformer as a share of nominal: the lowest, the middle and the highest mean of
-- any phase, from six hours per point on of the day. Phases under a tenth of nominal are left out: those are dead.
with step as (
    select make_interval(secs => ceil($__interval_ms / base) * base / 1000) as width
      from (select case when $__interval_ms >= 21600000 then 86400000.0
                        when $__interval_ms >= 3600000 then 3600000.0
                        when $__interval_ms >= 900000 then 900000.0
                        else 1000.0 end as base) as source
), piece as (
    select device_key, measured_at as at, voltage_a as a, voltage_b as b, voltage_c as c
      from feederline.reading
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers > 0 and d.listed))
       and $__interval_ms < 900000 and $__timeFilter(measured_at)
    union all
    select device_key, bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg
      from feederline.reading_15min
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers > 0 and d.listed))
       and $__interval_ms >= 900000 and $__interval_ms < 3600000 and $__timeFilter(bucket)
    union all
    select device_key, bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg
      from feederline.reading_hourly
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers > 0 and d.listed))
       and $__interval_ms >= 3600000 and $__interval_ms < 21600000 and $__timeFilter(bucket)
    union all
    select device_key, bucket, voltage_a_avg, voltage_b_avg, voltage_c_avg
      from feederline.reading_daily
     where device_key = any (array(select d.device_key from feederline.device d
                              where d.transformer_key = (select n.node_key from feederline.node n where n.node_id = ${transformer:sqlstring})
                                and d.customers > 0 and d.listed))
       and $__interval_ms >= 21600000 and $__timeFilter(bucket)
), phase as (
    select date_bin(s.width, p.at, timestamptz '2000-01-01 00:00:00+00') as at, v.volts / d.nominal_v as ratio
      from step s, piece p
      join feederline.device d on d.device_key = p.device_key and d.nominal_v > 0,
           lateral (values (p.a), (p.b), (p.c)) as v (volts)
     where v.volts > 0.1 * d.nominal_v
)
select at as "time",
       min(ratio) as "Lowest",
       percentile_cont(0.5) within group (order by ratio) as "Median",
       max(ratio) as "Highest",
       feederline.setting_number('voltage_low_ratio') as "Lower limit",
       feederline.setting_number('voltage_high_ratio') as "Upper limit"
  from phase
 group by at
 order by at
