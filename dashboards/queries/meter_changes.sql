-- What people and device lists did to one meter and its energy: exchanges, ratios, clocks, resets; values put by hand.
select c.at as "At",
       c.of as "Change",
       c.before as "Before",
       c.after as "After",
       c.made_by as "By",
       c.reason as "Reason",
       exists (select from feederline.meter_change_withdrawal w where w.change_id = c.change_id) as "Withdrawn"
  from feederline.meter_change c
 where c.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
union all
select e.starts_at, case when e.value is null then 'edit_taken_back' else 'edit' end, null, e.value, e.made_by, e.reason, false
  from feederline.interval_edit e
 where e.device_key = (select d.device_key from feederline.device d where d.device_id = ${device:sqlstring})
   and $__timeFilter(e.starts_at)
 order by 1 desc
 limit 100
