-- The range shown with and without its major event days.
select s.days as "Which days",
       s.saidi_minutes as "SAIDI",
       s.saifi as "SAIFI",
       s.caidi_minutes as "CAIDI",
       s.customer_interruptions as "Customer interruptions",
       s.customer_minutes as "Customer minutes"
  from feederline.reliability_split($__timeFrom(), $__timeTo()) s
 order by array_position(array['all', 'normal', 'major'], s.days)
