-- Corrections of incidents that started in the window, and others that changed an interruption of it; in their order.
with meant as (
    select c.correction_id
      from correction c join incident i using (incident_id)
     where i.started_at >= %(frm)s and i.started_at < %(to)s
    union
    select e.correction_id
      from correction_effect e
     where e.started_at >= %(frm)s and e.started_at < %(to)s or e.was_started_at >= %(frm)s and e.was_started_at < %(to)s
)
select c.correction_id as number, c.made_at, c.made_by, c.incident_id as incident, coalesce(d.device_id, '') as device,
       c.started_at, c.ended_at, c.voided, c.kind, coalesce(c.cause, '') as cause, c.as_detected, c.reason,
       (select count(*) from correction_effect e where e.correction_id = c.correction_id) as changed
  from meant m
  join correction c using (correction_id)
  left join device d using (device_key)
 order by c.correction_id
