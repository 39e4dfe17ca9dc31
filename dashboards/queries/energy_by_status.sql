-- Imported energy of the last whole day that was accounted, by how its intervals stand.
select case i.status when 0 then 'Missing' when 1 then 'Estimated' when 2 then 'Suspect' when 3 then 'Valid'
                     else 'Edited' end as "Status",
       count(*) as "Intervals",
       count(*) / sum(count(*)) over () as "Share of intervals",
       sum(i.value) as "Energy",
       sum(i.value) / nullif(sum(sum(i.value)) over (), 0) as "Share of energy"
  from (select max(l.day) as day from feederline.collection_day l
         where l.day <= date_trunc('day', now(), feederline.setting_text('time_zone')) - interval '23 hours') d
  join feederline.interval i on i.starts_at >= d.day
                             and i.starts_at < date_add(d.day, interval '1 day', coalesce(feederline.setting_text('time_zone'), 'UTC'))
 where i.quantity = 27
 group by i.status
 order by i.status desc
