-- How supply comes back: of the incident chosen, from its start on; or of all that was lost in the range shown.
with chosen as (
    select nullif(${incident:sqlstring}, '*') as incident_id
), span as (
    select c.incident_id, coalesce(i.started_at, timestamptz $__timeFrom()) as low,
           greatest(timestamptz $__timeTo(), i.ended_at) as high
      from chosen c left join feederline.incident i using (incident_id)
)
select r.ends_at as "time",
       r.interrupted as "Lost supply",
       r.restored as "Have it again",
       r.off as "Still off"
  from span s,
       feederline.restoration_curve(s.low, s.high, make_interval(secs => $__interval_ms / 1000.0), s.incident_id) r
 order by r.ends_at
