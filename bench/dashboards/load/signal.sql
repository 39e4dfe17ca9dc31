-- signal: of the local days from low to high.
insert into feederline.signal (kind, device_key, occurred_at, reported_at, received_at, source, detail)
select (array['no_answer', 'connection_lost', 'last_gasp', 'power_restored'])[1 + (4 * random())::integer %% 4],
       1 + (random() * (%(meters)s - 1))::integer, t, t, t + interval '3 seconds', 'mqtt:field', md5(random()::text)
  from generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 minute', interval '1 minute') t
