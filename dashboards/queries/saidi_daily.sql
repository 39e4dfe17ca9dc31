-- Minutes without supply of the average customer by the day on which they began, in the time zone of the settings.
select a.day as "time",
       f.saidi_minutes as "Faults",
       p.saidi_minutes as "Planned",
       a.open_customer_minutes / nullif(a.served, 0) as "Still going on"
  from feederline.reliability_daily($__timeFrom(), $__timeTo()) a
  join feederline.reliability_daily($__timeFrom(), $__timeTo(), of => 'fault') f using (day)
  join feederline.reliability_daily($__timeFrom(), $__timeTo(), of => 'planned') p using (day)
 order by a.day
