-- Listed devices by kind and state.
select s.kind as "Kind",
       count(*) filter (where s.state = 'on') as "On",
       count(*) filter (where s.state = 'off') as "Off",
       count(*) filter (where s.state = 'unknown') as "Unknown",
       count(*) filter (where s.state = 'silent') as "Silent",
       count(*) as "Devices"
  from feederline.device_state_now s
 group by s.kind
 order by count(*) desc, s.kind
