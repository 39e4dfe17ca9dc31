-- The transformers of the feeders chosen: supply now, and the last day that was accounted of each.
with below as (
    select d.transformer_key, sum(d.customers) as customers
      from feederline.device d where d.listed group by d.transformer_key
), without as (
    select d.transformer_key, sum(w.customers) filter (where w.state = 'off') as off,
           sum(w.customers) filter (where w.state = 'unknown') as unknown
      from feederline.without_supply_now w join feederline.device d using (device_key)
     group by d.transformer_key
), going_on as (
    select d.transformer_key, count(distinct i.incident_id) as incidents
      from feederline.incident i
      join feederline.incident_device m using (incident_id)
      join feederline.device d using (device_key)
     where i.state in ('open', 'restored') and i.drill = ''
     group by d.transformer_key
), quality as (
    select d.transformer_key, 1 - sum(q.out_min) / nullif(sum(q.observed_min), 0) as compliance
      from feederline.quality_day q join feederline.device d on d.device_key = q.device_key and d.customers > 0
     where q.starts_at = (select max(l.starts_at) from feederline.quality_day l
                           where l.starts_at <= date_trunc('day', now(), feederline.setting_text('time_zone'))
                                                - interval '23 hours')
     group by d.transformer_key
)
select t.node_id as "Transformer",
       t.name as "Name",
       f.node_id as "Feeder",
       b.customers as "Customers",
       w.off as "Off",
       w.unknown as "Unknown",
       g.incidents as "Open incidents",
       feederline.listed_number(t.attributes ->> 'rated_kva') as "Rated",
       l.peak as "Peak of rating",
       q.compliance as "Compliance",
       a.ratio as "Loss"
  from feederline.node t
  join (select p.node_key, p.feeder from feederline.node_place p) p using (node_key)
  left join feederline.node f on f.node_id = p.feeder
  left join below b on b.transformer_key = t.node_key
  left join without w on w.transformer_key = t.node_key
  left join going_on g on g.transformer_key = t.node_key
  left join quality q on q.transformer_key = t.node_key
  left join lateral (select max(y.peak_kva / nullif(y.rated_kva, 0)) as peak
                       from feederline.device d
                      cross join lateral (select x.peak_kva, x.rated_kva from feederline.transformer_day x
                                           where x.device_key = d.device_key order by x.starts_at desc limit 1) y
                      where d.node_key = t.node_key and d.customers = 0) l on true
  left join lateral (select y.ratio from feederline.area_loss_day y
                      where y.transformer_key = t.node_key order by y.day desc limit 1) a on true
 where t.kind = 'transformer' and t.listed
   and ('*' in (${feeder:sqlstring}) or f.node_id in (${feeder:sqlstring}))
 order by w.off desc nulls last, w.unknown desc nulls last, l.peak desc nulls last, t.node_id
 limit 1000
