-- Open gaps that these go on with, or that these are part of.
with met as (
    select distinct on (s.number) s.number, g.gap_id, s.ends_at, s.cause,
           s.starts_at < g.ends_at as within
      from gap_staging s
      join gap g on g.device_key = s.device_key and g.quantity = s.quantity and g.filled_at is null
                and g.starts_at <= s.starts_at and g.ends_at >= s.starts_at
                and (g.cause = s.cause or g.ends_at >= s.ends_at)
     order by s.number, g.starts_at desc
), moved as (
    update gap g
       set ends_at = greatest(g.ends_at, m.ends_at), cause = m.cause
      from (select gap_id, max(ends_at) as ends_at, (array_agg(cause order by ends_at desc))[1] as cause
              from met group by gap_id) m
     where m.gap_id = g.gap_id and (g.ends_at < m.ends_at or g.cause <> m.cause)
)
delete from gap_staging s using met m where m.number = s.number
