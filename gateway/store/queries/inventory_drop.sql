drop table node_staging, device_staging
