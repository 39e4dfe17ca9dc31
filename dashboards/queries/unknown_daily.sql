-- The share of all customer time of each day of which nobody knows whether there was supply.
select d.day as "time",
       d.unknown_share as "Unknown share"
  from feederline.reliability_daily($__timeFrom(), $__timeTo()) d
 order by d.day
