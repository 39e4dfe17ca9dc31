select current_setting('timescaledb.license', true)
