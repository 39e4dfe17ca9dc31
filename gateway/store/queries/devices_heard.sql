select count(distinct device_key) from reading
