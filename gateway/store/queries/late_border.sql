-- Shared until the transaction ends: who moves the border waits for what is being written without a mark.
select nullif(reckoning_until, '-infinity') from meter_data_progress for share
