create temporary table gap_staging on commit drop as
select row_number() over () as number, g.*
  from (select unnest(%(device_key)s::integer[]) as device_key, %(quantity)s::smallint as quantity,
               unnest(%(starts_at)s::timestamptz[]) as starts_at, unnest(%(ends_at)s::timestamptz[]) as ends_at,
               unnest(%(cause)s::text[]) as cause) g
