-- The indices of faults and of planned outages apart.
select w.name as "Window",
       r.of as "Interruptions",
       r.customer_interruptions as "Customer interruptions",
       r.customer_minutes as "Customer minutes",
       r.saidi_minutes as "SAIDI",
       r.saifi as "SAIFI",
       r.caidi_minutes as "CAIDI",
       r.maifi as "MAIFI",
       r.asai as "ASAI",
       r.open_customers as "Still off"
  from (values
         (1, 'This month so far', date_trunc('month', now(), feederline.setting_text('time_zone')), now()),
         (2, 'Last 12 months', now() - interval '1 year', now()),
         (3, 'Range shown', timestamptz $__timeFrom(), timestamptz $__timeTo())
       ) as w (rank, name, low, high),
       lateral feederline.reliability(w.low, w.high, kinds => '{fault,planned}') as r
 order by w.rank, r.of
