create temporary table usage_baseline_staging (device_key integer, number integer, state bytea) on commit drop
