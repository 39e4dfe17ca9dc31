-- When the gateway was ready, when it was not, and when it wrote nothing down for longer than two minutes: rows where that
-- changes. From an hour per point on, the worst of each hour.
with told as (
    select m.at, case when m.ready then 'ready' else 'not_ready' end as state,
           lead(m.at, 1, least(timestamptz $__timeTo(), now())) over (order by m.at) as next
      from feederline.gateway_minute m
     where $__interval_ms < 3600000 and $__timeFilter(m.at)
), hourly as (
    select h.*, lead(h.hour, 1, least(timestamptz $__timeTo(), now())) over (order by h.hour) as next
      from feederline.gateway_hour h
     where $__interval_ms >= 3600000 and $__timeFilter(h.hour)
), stretch as (
    select t.at, t.state from told t
    union all
    select t.at + interval '1 minute', 'away' from told t where t.next - t.at > interval '2 minutes'
    union all
    select h.hour, case when h.minutes < 58 and h.next - h.hour >= interval '1 hour' then 'away'
                        when h.ready < h.minutes then 'not_ready' else 'ready' end
      from hourly h
    union all
    select h.hour + interval '1 hour', 'away' from hourly h where h.next - h.hour > interval '1 hour'
), changed as (
    select s.at, s.state, lag(s.state) over (order by s.at) as before from stretch s
)
select c.at as "time", c.state as "Gateway"
  from changed c
 where c.state is distinct from c.before
 order by c.at
