insert into area_loss_day (transformer_key, day, starts_at, ends_at, hours, members, supplied, sold, intervals, used,
                           without_supply, without_member, moments, technical, excess, level, sigma, ratio, since, step,
                           found, made_at)
select n.node_key, %(day)s, %(starts_at)s, %(ends_at)s, %(hours)s, g.members, g.supplied, g.sold, g.intervals, g.used,
       g.without_supply, g.without_member, array[g.m0, g.m1, g.m2, g.m3, g.m4, g.m5, g.m6, g.m7], g.technical, g.excess,
       g.level, g.sigma, g.ratio, g.since, g.step, string_to_array(g.found, ','), %(at)s
  from (select unnest(%(node)s::text[]) as node_id, unnest(%(members)s::integer[]) as members,
               unnest(%(supplied)s::double precision[]) as supplied, unnest(%(sold)s::double precision[]) as sold,
               unnest(%(intervals)s::integer[]) as intervals, unnest(%(used)s::integer[]) as used,
               unnest(%(without_supply)s::integer[]) as without_supply,
               unnest(%(without_member)s::integer[]) as without_member,
               unnest(%(m0)s::double precision[]) as m0, unnest(%(m1)s::double precision[]) as m1,
               unnest(%(m2)s::double precision[]) as m2, unnest(%(m3)s::double precision[]) as m3,
               unnest(%(m4)s::double precision[]) as m4, unnest(%(m5)s::double precision[]) as m5,
               unnest(%(m6)s::double precision[]) as m6, unnest(%(m7)s::double precision[]) as m7,
               unnest(%(technical)s::double precision[]) as technical, unnest(%(excess)s::double precision[]) as excess,
               unnest(%(level)s::double precision[]) as level, unnest(%(sigma)s::double precision[]) as sigma,
               unnest(%(ratio)s::double precision[]) as ratio, unnest(%(since)s::timestamptz[]) as since,
               unnest(%(step)s::double precision[]) as step, unnest(%(found)s::text[]) as found) g
  join node n using (node_id)
on conflict (transformer_key, day) do update
   set starts_at = excluded.starts_at, ends_at = excluded.ends_at, hours = excluded.hours, members = excluded.members,
       supplied = excluded.supplied, sold = excluded.sold, intervals = excluded.intervals, used = excluded.used,
       without_supply = excluded.without_supply, without_member = excluded.without_member, moments = excluded.moments,
       technical = excluded.technical, excess = excluded.excess, level = excluded.level, sigma = excluded.sigma,
       ratio = excluded.ratio, since = excluded.since, step = excluded.step, found = excluded.found,
       made_at = excluded.made_at
