-- What could not be understood in the range, by where it came from and why, most first; of values also the first device.
select l.source as "Source",
       null as "Quantity",
       l.reason as "Reason",
       count(*) as "Times",
       null::bigint as "Devices",
       null as "Device",
       max(l.received_at) as "Last"
  from feederline.dead_letter_told l
 where $__timeFilter(l.received_at)
 group by l.source, l.reason
union all
select null, v.quantity, v.reason, count(*), count(distinct v.device_key), min(d.device_id), max(v.measured_at)
  from feederline.rejected_value_told v
  left join feederline.device d using (device_key)
 where $__timeFilter(v.measured_at)
 group by v.quantity, v.reason
 order by 4 desc, 7 desc
 limit 100
