select 1 from pg_available_extensions where name = 'timescaledb'
