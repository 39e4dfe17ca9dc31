with made as (
    insert into gap (device_key, quantity, starts_at, ends_at, cause, found_at)
    select device_key, quantity, starts_at, ends_at, cause, %(at)s from gap_staging
    on conflict (device_key, quantity, starts_at) do update
       set ends_at = greatest(gap.ends_at, excluded.ends_at), cause = excluded.cause, filled_at = null
     where gap.filled_at is not null or gap.ends_at < excluded.ends_at
    returning xmax = 0 as new
)
select count(*) filter (where new) from made
