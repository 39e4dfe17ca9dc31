-- The last edit there is, and whose intervals were edited after another.
select coalesce(max(edit_id), 0), coalesce(array_agg(distinct device_key), '{}')
  from interval_edit
 where edit_id > %(number)s
