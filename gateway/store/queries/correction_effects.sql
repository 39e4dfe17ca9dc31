select correction_id, device_id, step, was_started_at, was_ended_at, was_kind, was_voided, started_at, ended_at, kind, voided
  from (select e.*, coalesce(d.device_id, e.device_key::text) as device_id,
               row_number() over (partition by e.correction_id order by d.device_id, e.step) as place
          from correction_effect e left join device d using (device_key)
         where e.correction_id = any(%(corrections)s)) e
 where place <= %(members)s
 order by correction_id, place
