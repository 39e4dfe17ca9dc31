-- Day by day: the table has no order by time alone, but knows at once which days it has nothing of.
select (extract(epoch from (select min(measured_at) from reading
                             where measured_at >= greatest(first.d, %(since)s) and measured_at < first.d + interval '24 hours'
                               and measured_at < %(till)s)) * 1000000)::bigint
  from (select d
          from generate_series(date_trunc('day', %(since)s::timestamptz, 'UTC'), %(till)s::timestamptz, interval '24 hours') d
         where exists (select from reading
                        where measured_at >= greatest(d, %(since)s) and measured_at < d + interval '24 hours'
                          and measured_at < %(till)s)
         order by d
         limit 1) first
