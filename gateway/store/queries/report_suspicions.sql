-- Devices of which the daily look told the stream in the window, with the highest score.
select count(*) as suspicions, count(distinct device_key) as devices, max(score) as highest
  from suspicion
 where received_at >= %(frm)s and received_at < %(to)s
