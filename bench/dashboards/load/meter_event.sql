-- meter_event: of the local days from low to high.
insert into feederline.meter_event (device_key, kind, phase, started_at, ended_at, severe, extreme, bound, source)
select 1 + (random() * (%(meters)s - 1))::integer, (array['over_voltage', 'under_voltage', 'overload', 'cover_open'])[1 + (4 * random())::integer %% 4],
       'A', t, case when random() < 0.99 then t + interval '40 minutes' end, false, 245, 235.4, 'readings'
  from generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 minute', interval '5 minutes') t
on conflict do nothing
