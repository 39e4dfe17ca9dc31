-- Rows that are there: fill what they lack and leave the rest, so that meters which send one value per message
-- end up with one row per time, and a repeated message touches nothing.
insert into reading ({columns})
select {columns} from reading_staging
on conflict (device_key, measured_at) do update
   set {fill}, quality = reading.quality | excluded.quality
 where {lacks}
