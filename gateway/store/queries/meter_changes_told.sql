-- Changes of one meter, or one change by its number: those that were withdrawn too.
select c.change_id, c.device_key, c.at, c.of, c.before, c.after, c.made_by, c.reason, c.recorded_at,
       w.made_by as withdrawn_by, w.reason as withdrawn_reason, w.recorded_at as withdrawn_at
  from meter_change c left join meter_change_withdrawal w using (change_id)
 where (%(number)s::bigint is null or c.change_id = %(number)s)
   and (%(device)s::integer is null or c.device_key = %(device)s)
   and (%(frm)s::timestamptz is null or c.at >= %(frm)s)
   and (%(till)s::timestamptz is null or c.at < %(till)s)
 order by c.at, c.change_id
