-- Feeders by the customer minutes without supply that began in the range, the most first.
select coalesce(nullif(n.name, ''), n.node_id) as "Feeder",
       r.served as "Customers",
       r.customer_minutes + r.open_customer_minutes as "Customer minutes",
       (r.customer_minutes + r.open_customer_minutes) / nullif(sum(r.customer_minutes + r.open_customer_minutes) over (), 0)
         as "Share of all",
       r.asai as "ASAI",
       r.saidi_minutes as "SAIDI",
       r.saifi as "SAIFI",
       r.caidi_minutes as "CAIDI",
       r.maifi as "MAIFI",
       r.open_customers as "Still off",
       r.unknown_share as "Unknown share",
       n.node_id as "feeder_id"
  from feederline.reliability_by('feeder', $__timeFrom(), $__timeTo()) r
  join feederline.node n on n.node_id = r.key
 where (r.customer_minutes + r.open_customer_minutes > 0 or r.momentary_interruptions > 0)
   and ('*' in (${feeder:sqlstring}) or n.node_id in (${feeder:sqlstring}))
 order by 3 desc, r.momentary_interruptions desc, n.node_id
 limit 20
