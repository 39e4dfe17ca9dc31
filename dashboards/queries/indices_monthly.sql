-- The indices of each of the last twelve calendar months, the latest first; this one so far.
with zone as (
    select coalesce(feederline.setting_text('time_zone'), 'UTC') as name
)
select to_char(r.period_from at time zone z.name, 'YYYY-MM') as "Month",
       r.asai as "ASAI",
       r.saidi_minutes as "SAIDI",
       r.saifi as "SAIFI",
       r.caidi_minutes as "CAIDI",
       r.maifi as "MAIFI",
       r.maifi_e as "MAIFI_E",
       r.customer_minutes as "Customer minutes",
       r.unknown_share as "Unknown share"
  from zone z,
       feederline.reliability_by('all', date_subtract(date_trunc('month', now(), z.name), interval '11 months', z.name), now(),
                                 period => 'month') r
 order by r.period_from desc
