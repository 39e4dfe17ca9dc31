-- Every index of IEEE 1366 that is computed, per window.
select w.name as "Window",
       r.window_from as "From",
       r.window_to as "To",
       r.served as "Customers served",
       r.asai as "ASAI",
       r.asai_target as "ASAI target",
       r.saidi_minutes as "SAIDI",
       r.saifi as "SAIFI",
       r.caidi_minutes as "CAIDI",
       r.maifi as "MAIFI",
       r.open_customers as "Still off",
       r.open_customer_minutes as "Customer minutes so far",
       r.unknown_share as "Unknown share",
       format('%s %s s', r.comparator, r.threshold_s) as "Sustained"
  from (values
         (1, 'Today', date_trunc('day', now(), feederline.setting_text('time_zone')), now()),
         (2, 'This month so far', date_trunc('month', now(), feederline.setting_text('time_zone')), now()),
         (3, 'Last 12 months', now() - interval '1 year', now()),
         (4, 'Range shown', timestamptz $__timeFrom(), timestamptz $__timeTo())
       ) as w (rank, name, low, high),
       lateral feederline.reliability(w.low, w.high) as r
 order by w.rank
