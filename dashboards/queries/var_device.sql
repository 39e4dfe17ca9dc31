-- Devices whose id begins with what is typed; the first of all of them before.
select d.device_id as __text, d.device_id as __value
  from feederline.device d
 where d.listed and starts_with(d.device_id, rtrim('$__searchFilter', '%'))
 order by d.device_id
 limit 500
