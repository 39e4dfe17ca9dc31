-- Minutes without supply of the average customer, this calendar month so far. What has not ended stands apart.
select saidi_minutes as "Ended",
       open_customer_minutes / nullif(served, 0) as "Still going on"
  from feederline.reliability(
         date_trunc('month', now(), feederline.setting_text('time_zone')), now())
