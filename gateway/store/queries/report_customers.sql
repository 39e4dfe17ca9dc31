-- Metering points with sustained interruptions, those with most first. micros of what has ended; open_micros so far.
with had as materialized (
    select j.user_key as device_key, max(j.customers) as customers, count(*) as interruptions,
           max(j.micros) filter (where not j.going_on) as longest,
           coalesce(sum(j.micros) filter (where not j.going_on), 0)::bigint as total,
           max(j.micros) filter (where j.going_on) as open
      from judged_spell(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz) j
     where j.sustained
     group by j.user_key
)
select d.device_id as device, coalesce(n.node_id, '') as node, coalesce(t.node_id, '') as transformer,
       coalesce(f.node_id, '') as feeder, d.priority, h.customers, h.interruptions, h.total, h.longest, h.open
  from had h
  join device d using (device_key)
  left join node n using (node_key)
  left join node t on t.node_key = d.transformer_key
  left join node f on f.node_key = d.feeder_key
 order by h.interruptions desc, h.total + coalesce(h.open, 0) desc, d.device_id
