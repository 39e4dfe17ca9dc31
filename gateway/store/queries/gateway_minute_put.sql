-- A gateway that starts again within a minute adds what it took to what the one before it took. What a clock that was ahead
-- wrote of the time to come is no more: it would be taken for the latest word.
with ahead as (
    delete from gateway_minute where at > %(at)s + interval '1 minute'
), hours_ahead as (
    delete from gateway_hour where hour > %(at)s
)
insert into gateway_minute
       (at, stream_at, lag_entries, spool_bytes, readings, rows_written, signals, drivers_running, drivers_waiting, ready,
        alarms)
values (%(at)s, %(stream_at)s, %(lag_entries)s, %(spool_bytes)s, %(readings)s, %(rows_written)s, %(signals)s,
        %(drivers_running)s, %(drivers_waiting)s, %(ready)s, %(alarms)s)
on conflict (at) do update
   set stream_at = excluded.stream_at, lag_entries = excluded.lag_entries, spool_bytes = excluded.spool_bytes,
       readings = gateway_minute.readings + excluded.readings,
       rows_written = gateway_minute.rows_written + excluded.rows_written,
       signals = gateway_minute.signals + excluded.signals, drivers_running = excluded.drivers_running,
       drivers_waiting = excluded.drivers_waiting, ready = excluded.ready, alarms = excluded.alarms
