-- Why one customer's usage stands out: the reasons of its judged days, and of what the stream was told, newest first.
select to_char(t.day, 'YYYY-MM-DD') as "Day",
       t.score as "Score",
       r.reason ->> 'rule' as "Rule",
       (r.reason ->> 'weight')::double precision as "Weight",
       r.reason ->> 'words' as "In words",
       t.kwh as "Energy",
       t.expected_kwh as "Usual energy",
       t.told as "Told the stream"
  from (select u.day, u.score, u.reasons, u.kwh, u.expected_kwh, false as told
          from feederline.usage_day u
         where u.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
           and u.day between (timestamptz $__timeFrom())::date - 1 and (timestamptz $__timeTo())::date
        union all
        select (s.until at time zone coalesce(feederline.setting_text('time_zone'), 'UTC') - interval '1 second')::date,
               s.score, s.reasons, null, null, true
          from feederline.suspicion s
         where s.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
           and $__timeFilter(s.until)) t,
       jsonb_array_elements(t.reasons) with ordinality as r (reason, rank)
 order by t.day desc, t.told, r.rank
 limit 200
