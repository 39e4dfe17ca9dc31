-- Devices whose id begins with what is typed, meters first: the first of them is shown before anybody chooses.
select d.device_id as __text, d.device_id as __value
  from feederline.device d
 where d.listed and starts_with(d.device_id, rtrim('$__searchFilter', '%'))
 order by d.kind <> 'meter', d.device_id
 limit 500
