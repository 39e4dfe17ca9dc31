-- What the customers on the list stand out by: how many each rule speaks against, and how many it speaks for.
select r.reason ->> 'rule' as "Rule",
       count(*) filter (where (r.reason ->> 'weight')::double precision > 0) as "Against",
       count(*) filter (where (r.reason ->> 'weight')::double precision < 0) as "For"
  from feederline.usage_watchlist w,
       jsonb_array_elements(w.reasons) as r (reason)
 where w.score >= 0.05 and ('*' in (${feeder:sqlstring}) or w.feeder_id in (${feeder:sqlstring}))
 group by 1
 order by 2 desc, 1
 limit 30
