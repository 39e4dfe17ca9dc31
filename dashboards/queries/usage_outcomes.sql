-- What became of the incidents of unusual usage that began in the range. Confirmed: a person said that it is real, and nobody
-- took that back.
select o.outcome as "Outcome", count(*) as "Incidents"
  from (select case when i.state = 'cancelled' and i.ended_by <> '' then 'withdrawn'
                    when i.confirmed_by <> '' then 'confirmed'
                    when i.state in ('open', 'restored') then 'open'
                    when i.state = 'merged' then 'merged'
                    else 'subsided' end as outcome
          from feederline.incident i
         where i.kind = 'usage_anomaly' and i.drill = '' and $__timeFilter(i.started_at)) o
 group by o.outcome
 order by 2 desc, 1
