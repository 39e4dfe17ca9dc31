-- How far the book of meter data is: until when each step is done, how long ago that was, and days to be done again.
with step as (
    select 1 as rank, 'intervals' as step, m.done_until as at from feederline.meter_data_told m
    union all
    select 5, 'final', m.final_before from feederline.meter_data_told m
    union all
    select case s.name when 'book_closed' then 2 when 'book_judged' then 3 else 4 end, substr(s.name, 6),
           to_timestamp(s.value::double precision / 1e6)
      from feederline.setting s
     where s.name in ('book_closed', 'book_judged', 'book_foretold') and s.value ~ '^[0-9]+$'
)
select t.step as "Step",
       t.at as "Done until",
       extract(epoch from now() - t.at)::double precision as "Ago",
       cardinality(string_to_array(nullif(a.value, ''), ',')) as "Days to be done again"
  from step t
  left join feederline.setting a on a.name = format('book_%s_again', t.step)
 where t.at is not null
 order by t.rank
