-- Minutes without supply of the average customer by the day on which they began, in the time zone of the settings.
select date_trunc('day', r.period_from, coalesce(feederline.setting_text('time_zone'), 'UTC')) as "time",
       sum(r.saidi_minutes) filter (where r.of = 'fault') as "Faults",
       sum(r.saidi_minutes) filter (where r.of = 'planned') as "Planned",
       sum(r.open_customer_minutes / nullif(r.served, 0)) filter (where r.of = 'all') as "Still going on"
  from feederline.reliability_by('all', $__timeFrom(), $__timeTo(), kinds => '{all,fault,planned}', period => 'day') r
 group by 1
 order by 1
