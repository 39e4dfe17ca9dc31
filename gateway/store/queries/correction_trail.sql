-- Newest first. The number counts in the order they were made.
select c.correction_id, c.incident_id, d.device_id, c.step, c.started_at, c.ended_at, c.voided, c.kind, c.cause,
       c.as_detected, c.made_at, c.made_by, c.reason,
       (select count(*) from correction_effect e where e.correction_id = c.correction_id) as changed
  from correction c
  left join device d using (device_key)
  left join incident i using (incident_id)
 where (%(incident)s::text is null or c.incident_id = %(incident)s)
   and (%(number)s::bigint is null or c.correction_id = %(number)s)
   and (%(below)s::text[] is null or i.node_id in (select nodes_below(%(below)s)))
   and (%(before)s::timestamptz is null or c.made_at < %(before)s)
 order by c.made_at desc, c.correction_id desc
 limit %(limit)s
