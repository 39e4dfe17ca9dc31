-- Days of the range shown by their SAIDI, and which of them were major.
select to_char(d.day at time zone coalesce(feederline.setting_text('time_zone'), 'UTC'), 'YYYY-MM-DD') as "Day",
       case when d.major then 'major' else 'ordinary' end as "Kind",
       d.saidi_minutes as "SAIDI",
       d.t_med_minutes as "Limit (T_MED)",
       d.customer_interruptions as "Customer interruptions",
       d.customer_minutes as "Customer minutes"
  from feederline.major_event_day($__timeFrom(), $__timeTo()) d
 order by d.saidi_minutes desc, d.day
 limit 31
