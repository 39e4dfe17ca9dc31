-- Customer minutes without supply of this month, summed by the days on which the interruptions began, and what its targets allow;
-- a day's sum stands at its end.
with month as materialized (
    select min(t.window_from) as low, min(t.window_to) as high,
           min(t.budget_minutes) filter (where t.index = 'saidi') as by_saidi,
           min(t.budget_minutes) filter (where t.index = 'asai') as by_asai
      from feederline.target_state() t
     where t.span = 'month'
), spent as (
    select d.day, sum(d.customer_minutes + d.open_customer_minutes) over (order by d.day) as minutes
      from month m, feederline.reliability_daily(m.low, now()) d
), point as (
    select m.low as at, 0::double precision as minutes from month m where m.low is not null
    union all
    select least(date_add(s.day, interval '1 day', coalesce(feederline.setting_text('time_zone'), 'UTC')), now()), s.minutes
      from spent s
)
select p.at as "time",
       p.minutes as "Spent",
       least(m.by_saidi, m.by_asai) * extract(epoch from p.at - m.low) / extract(epoch from m.high - m.low)::double precision
         as "Even pace of the tighter target",
       m.by_saidi as "Allowed by SAIDI",
       m.by_asai as "Allowed by ASAI"
  from point p, month m
 order by 1
