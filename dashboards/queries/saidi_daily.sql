-- Minutes without supply of the average customer by the day on which they began, in the time zone of the settings.
select day as "time",
       saidi_minutes as "Ended",
       open_customer_minutes / nullif(served, 0) as "Still going on"
  from feederline.reliability_daily($__timeFrom(), $__timeTo())
 order by day
