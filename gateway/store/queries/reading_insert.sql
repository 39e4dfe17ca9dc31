insert into reading ({columns})
select {columns} from reading_staging
on conflict (device_key, measured_at) do nothing
