-- Mean voltages of the hour of all phases of all points that serve customers, as shares of nominal: what the lowest twentieth
-- of them was below, the middle, what the highest twentieth was above. A dead phase is an interruption and is left out.
select v.starts_at as "time",
       v.low as "Low end (5 %)",
       v.middle as "Middle",
       v.high as "High end (95 %)",
       feederline.setting_number('voltage_low_ratio') as "Lower limit",
       feederline.setting_number('voltage_high_ratio') as "Upper limit"
  from feederline.voltage_spread($__timeFrom(), $__timeTo(), make_interval(secs => $__interval_ms / 1000.0)) v
 order by v.starts_at
