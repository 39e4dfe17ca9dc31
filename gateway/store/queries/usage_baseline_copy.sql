copy usage_baseline_staging (device_key, number, state) from stdin (format binary)
