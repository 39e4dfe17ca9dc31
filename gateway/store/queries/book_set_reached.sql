insert into setting (name, value) values (%(step)s, %(at)s)
on conflict (name) do update set value = excluded.value, changed_at = now() where setting.value <> excluded.value
