with removed as materialized (
    select remove_compression_policy('reading', if_exists => true) as compress,
           remove_retention_policy('reading', if_exists => true) as retention
)
select add_compression_policy('reading', compress_after => make_interval(days => %(compress)s)),
       add_retention_policy('reading', drop_after => make_interval(days => %(drop)s))
  from removed
