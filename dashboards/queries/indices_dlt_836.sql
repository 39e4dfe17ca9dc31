-- The indices by the names and in the hours of DL/T 836, of customers and of transformers.
select w.name as "Window",
       b.basis as "Basis",
       d.asai_1 as "ASAI-1",
       d.saidi_1_hours as "SAIDI-1",
       d.saidi_f_hours as "SAIDI-F",
       d.saidi_s_hours as "SAIDI-S",
       d.saifi_1 as "SAIFI-1",
       d.saifi_f as "SAIFI-F",
       d.saifi_s as "SAIFI-S",
       d.customer_hours as "Hours × users",
       d.threshold_s as "Longer than"
  from (values
         (1, 'This month so far', date_trunc('month', now(), feederline.setting_text('time_zone'))),
         (2, 'Last 12 months', now() - interval '1 year')
       ) as w (rank, name, low),
       unnest(array['lv', 'mv']) as b (basis),
       lateral feederline.dlt_836(w.low, now(), basis => b.basis) as d
 order by w.rank, b.basis
