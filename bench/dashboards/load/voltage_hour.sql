-- Hours of voltages, as they would have been reckoned when each was over.
insert into feederline.voltage_hour
select h, bin, greatest(3 * %(meters)s::integer / 12, 1)
  from generate_series(date_trunc('hour', %(first)s::timestamptz), %(now)s::timestamptz - interval '2 hours', interval '1 hour') h,
       generate_series(194, 205) bin;

insert into feederline.hour_total
select h, %(meters)s, %(meters)s, h + interval '27 hours'
  from generate_series(date_trunc('hour', %(first)s::timestamptz), %(now)s::timestamptz - interval '2 hours', interval '1 hour') h
