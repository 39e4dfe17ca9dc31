-- gateway_minute: of the local days from low to high.
insert into feederline.gateway_minute
select t, t - interval '1 second', (50 * random())::integer, 1e6, %(meters)s::integer / 60, %(meters)s::integer / 60, 1, 3, 0, true, 0
  from generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 minute', interval '1 minute') t
