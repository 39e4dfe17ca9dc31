select device_key from device_staging order by local_key
