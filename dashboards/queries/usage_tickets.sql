-- Inspections for unusual usage that overlap the range: what became of each, newest first; exercises apart.
select i.started_at as "Since",
       d.device_id as "Device",
       coalesce(nullif(n.name, ''), i.node_id) as "Place",
       i.state as "State",
       i.confidence as "Score",
       t.number as "Ticket",
       t.state as "Ticket state",
       nullif(t.cause, '') as "Found on site",
       coalesce(nullif(i.ended_by, ''), nullif(i.confirmed_by, ''), nullif(t.ended_by, '')) as "By",
       coalesce(nullif(i.ended_reason, ''), s.reason) as "Reason",
       i.summary as "Evidence",
       i.incident_id as "incident_id",
       t.ticket_id as "ticket_id",
       i.node_id as "node_id"
  from feederline.incident i
  left join feederline.node n on n.node_id = i.node_id
  left join feederline.ticket t on t.incident_id = i.incident_id
  left join feederline.ticket_transition s on s.ticket_id = t.ticket_id and s.revision = t.revision
  left join lateral (select e.device_id from feederline.incident_device m join feederline.device e using (device_key)
                      where m.incident_id = i.incident_id order by e.customers desc, e.device_id limit 1) d on true
 where i.kind = 'usage_anomaly' and i.drill = '' and i.state <> 'merged'
   and i.started_at < $__timeTo() and (i.ended_at is null or i.ended_at > $__timeFrom())
 order by i.state not in ('open', 'restored'), i.started_at desc
 limit 200
