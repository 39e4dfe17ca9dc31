-- One writer of intervals at a time. Updates of what is compressed already may be large, and the planner, who knows
-- nothing of what was staged, would go through a whole chunk for every row.
select pg_advisory_xact_lock(hashtext('feederline.intervals')),
       set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true),
       set_config('enable_nestloop', 'off', true)
