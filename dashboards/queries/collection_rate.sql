-- What was collected of what was expected: the last whole day that was accounted, and this calendar month so far.
select (select sum(c.collected)::double precision / nullif(sum(c.expected), 0)
          from feederline.collection_day c
         where c.day = (select max(l.day) from feederline.collection_day l
                         where l.day <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours'))
           as "Last whole day",
       (select m.rate
          from feederline.collection_rate(
                 date_trunc('month', now(), feederline.setting_text('time_zone')), now()) m) as "This month so far"
