-- Which of these devices show a register in [frm, till].
select array_agg(distinct r.device_key)
  from reading r
 where r.device_key = any(%(devices)s::integer[]) and r.measured_at >= %(frm)s and r.measured_at <= %(till)s
   and r.{quantity} is not null
