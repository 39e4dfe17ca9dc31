-- What readings and rollups are made of: device d at t with v, p and e.
from generate_series(1, %(meters)s::integer + %(transformers)s::integer) d,
       generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 microsecond', %(step)s::interval) t,
       lateral (select sin(pi() * extract(epoch from t)::double precision / 86400 + d) as s, random() as r) w,
       lateral (select 220 * (1.02 - 0.05 * s * s + 0.01 * r) as v,
                       (300 + 1500 * s * s * r) * case when d > %(meters)s then %(per)s else 1 end as p,
                       d * 10 + 0.0002 * (extract(epoch from t)::double precision - 1600000000) as e) q
