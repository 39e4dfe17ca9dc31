-- Supply reliability in the windows that the target binds on.
-- The month is the calendar month so far, in the time zone of the settings; the year ends now.
select month.asai as "This month so far", year.asai as "Last 12 months"
  from feederline.reliability(
         date_trunc('month', now(), feederline.setting_text('time_zone')), now()) as month,
       feederline.reliability(now() - interval '1 year', now()) as year
