-- Of each device, what readings of [frm, till) come to: the share of those with voltage that show supply, and means by
-- phase of power and current; NaN where nothing was measured. live: volts from which on there is supply.
-- cut: the breaker was open in all readings, which reach from `early` to `late`.
select array_agg(device_key), array_agg(seen), array_agg(power_a), array_agg(power_b), array_agg(power_c),
       array_agg(current_a), array_agg(current_b), array_agg(current_c), array_agg(cut)
  from (select r.device_key,
               coalesce(count(*) filter (where greatest(r.voltage_a, r.voltage_b, r.voltage_c) >= d.live)::double precision
                        / nullif(count(greatest(r.voltage_a, r.voltage_b, r.voltage_c)), 0), 'NaN') as seen,
               coalesce(sum(r.active_power_a) / count(r.active_power_a), 'NaN') as power_a,
               coalesce(sum(r.active_power_b) / count(r.active_power_b), 'NaN') as power_b,
               coalesce(sum(r.active_power_c) / count(r.active_power_c), 'NaN') as power_c,
               coalesce(sum(r.current_a) / count(r.current_a), 'NaN') as current_a,
               coalesce(sum(r.current_b) / count(r.current_b), 'NaN') as current_b,
               coalesce(sum(r.current_c) / count(r.current_c), 'NaN') as current_c,
               case when max(r.breaker_closed) = 0
                     and min(r.measured_at) filter (where r.breaker_closed is not null) <= %(early)s
                     and max(r.measured_at) filter (where r.breaker_closed is not null) >= %(late)s
                    then 1 else 0 end::smallint as cut
          from unnest(%(devices)s::integer[], %(live)s::double precision[]) as d (device_key, live)
          join reading r using (device_key)
         where r.device_key = any(%(devices)s::integer[]) and r.measured_at >= %(frm)s and r.measured_at < %(till)s
         group by r.device_key) means
