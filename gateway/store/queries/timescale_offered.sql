-- One row where the extension is installed; whether the server has loaded its library at start.
select current_setting('timescaledb.disable_load', true) is not null
  from pg_available_extensions
 where name = 'timescaledb'
