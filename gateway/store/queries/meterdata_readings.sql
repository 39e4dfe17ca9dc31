-- Columns of readings: one row of arrays, NaN for what was not measured.
select array_agg(device_key), array_agg(measured_at), array_agg(received_at), array_agg(quality), {columns}
  from reading
 where device_key = any(%(devices)s::integer[]) and measured_at >= %(frm)s and measured_at < %(till)s and ({carries})
