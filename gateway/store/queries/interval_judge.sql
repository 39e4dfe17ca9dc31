-- Of what was put and stands already: what says something else, and is not worse than what stands (missing before
-- estimated before measured). What takes the place of something not measured came late, and that is remembered.
create temporary table interval_better on commit drop as
select s.device_key, s.quantity, s.starts_at, s.ends_at, nullif(s.raw, 'NaN') as raw, nullif(s.value, 'NaN') as value, s.status,
       case when s.status >= 2 and w.status < 2 then s.rules | (1 << 27)
            else s.rules | (w.rules & (1 << 27)) end as rules,
       i.version, i.status = 4 as edited, i.ends_at <= p.final_before as final
  from interval_staging s
  join interval i using (device_key, quantity, starts_at, ends_at)
 cross join meter_data_progress p
 cross join lateral (select coalesce(i.machine_status, i.status) as status, coalesce(i.machine_rules, i.rules) as rules,
                            case when i.status = 4 then i.machine_value else i.value end as value) w
 where i.device_key = any(%(devices)s::integer[]) and i.quantity = %(quantity)s::smallint
   and i.starts_at >= %(low)s and i.starts_at <= %(high)s
   and (w.status, w.value, i.raw, w.rules & ~(1 << 27)::bigint)
       is distinct from (s.status, nullif(s.value, 'NaN'), nullif(s.raw, 'NaN'), s.rules & ~(1 << 27)::bigint)
   and least(s.status, 2) >= least(w.status, 2)
