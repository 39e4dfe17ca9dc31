-- One writer of intervals at a time. What was given as final stays so. Updates of what is compressed already may be large.
with alone as materialized (
    select pg_advisory_xact_lock(hashtext('feederline.intervals')),
           set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
)
update meter_data_progress set final_before = %(final_before)s
  from alone
 where meter_data_progress.final_before < %(final_before)s
