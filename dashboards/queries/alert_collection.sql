-- Percentage points by which the collection rate of the last whole day that was accounted falls short of its target.
select coalesce(feederline.setting_text('page_url'), '') as "page",
       greatest(0, 100 * (c.target - c.rate))::double precision as "value"
  from (select max(l.day) as day
          from feederline.collection_day l
         where l.day <= date_trunc('day', now(), coalesce(feederline.setting_text('time_zone'), 'UTC'))
                        - interval '23 hours') last,
       feederline.collection_rate(last.day, last.day + interval '1 second') c
 where c.rate is not null and c.target is not null
