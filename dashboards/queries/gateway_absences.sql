-- When the gateway could not hear the field, newest first: everybody's supply was unknown then.
select a.started_at as "From", a.ended_at as "To", extract(epoch from a.ended_at - a.started_at)::double precision as "Duration"
  from feederline.gateway_absence a
 where a.started_at < $__timeTo() and a.ended_at > $__timeFrom()
 order by a.started_at desc
 limit 100
