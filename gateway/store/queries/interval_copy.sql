copy interval_staging (device_key, quantity, status, starts_at, ends_at, rules, raw, value) from stdin (format binary)
