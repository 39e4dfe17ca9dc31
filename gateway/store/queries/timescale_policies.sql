select max(extract(day from (config ->> 'compress_after')::interval)) as compress,
       max(extract(day from (config ->> 'drop_after')::interval)) as drop
  from timescaledb_information.jobs
 where hypertable_schema = 'feederline' and hypertable_name = 'reading'
