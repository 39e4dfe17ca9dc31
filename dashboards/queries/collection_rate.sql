-- What was collected of what was expected: the last whole day that was accounted, and this calendar month so far.
select (select sum(c.collected)::double precision / nullif(sum(c.expected), 0)
          from feederline.collection_by_day c
         where c.day = (select max(l.day) from feederline.collection_day l
                         where l.day <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours'))
           as "Last whole day",
       (select sum(m.collected)::double precision / nullif(sum(m.expected), 0)
          from feederline.collection_by_day m
         where m.day >= date_trunc('month', now(), feederline.setting_text('time_zone')) and m.day < now()) as "This month so far"
