-- What goes on at a meter stays, however long.
with old_event as (delete from meter_event where started_at < %(before)s and ended_at < %(before)s),
     old_transformer as (delete from transformer_day where starts_at < %(before)s)
delete from quality_day where starts_at < %(before)s
