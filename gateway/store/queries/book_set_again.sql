with days as (
    select d from setting, unnest(string_to_array(nullif(value, ''), ',')::bigint[]) d
     where name = %(step)s and (%(wanted)s or d <> all(%(days)s::bigint[]))
    union
    select d from unnest(%(days)s::bigint[]) d where %(wanted)s
)
insert into setting (name, value) select %(step)s, coalesce((select string_agg(d::text, ',' order by d) from days), '')
on conflict (name) do update set value = excluded.value, changed_at = now() where setting.value <> excluded.value
