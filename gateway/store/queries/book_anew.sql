-- Whose use is to be learned anew from [frm, till) on: another meter hangs there, or a person found that all is right.
select device_key
  from meter_change_standing
 where of = 'exchange' and at >= %(frm)s and at < %(till)s
union
select d.device_key
  from incident i
  join incident_device d using (incident_id)
 where i.kind = 'usage_anomaly' and i.state = 'cancelled' and i.ended_by <> '' and i.drill = ''
   and i.ended_at >= %(frm)s and i.ended_at < %(till)s
