-- collection_day: of the local days from low to high.
insert into feederline.collection_day
select d, 27, t, 24, 24 - lacks, lacks - lacks / 4, lacks / 4, 0, 0, lacks / 4, lacks - lacks / 4, 0, t + interval '1 day'
  from generate_series(1, %(meters)s::integer) d, generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 hour', interval '1 day') t,
       lateral (select case when random() < 0.02 then (random() * 24)::integer else 0 end as lacks) l
