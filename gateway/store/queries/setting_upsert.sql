insert into setting (name, value, number)
select * from unnest(%(name)s::text[], %(value)s::text[], %(number)s::double precision[])
on conflict (name) do update set value = excluded.value, number = excluded.number, changed_at = now()
 where setting.value is distinct from excluded.value
