-- Work orders that are not finished by their state, and how their clocks stand; exercises apart.
with standing as (
    select t.state, feederline.is_late(t) as late,
           t.restored_at is null and (
               t.warned @> '{restoration}'
               or t.warned && '{arrival,arrival_limit}' and t.arrived_at is null
               or t.warned @> '{response}' and coalesce(t.acknowledged_at, t.dispatched_at, t.arrived_at) is null) as warned
      from feederline.ticket t
     where t.state not in ('closed', 'merged', 'cancelled') and t.drill = ''
)
select s.state as "State",
       count(*) filter (where s.late) as "Late",
       count(*) filter (where s.warned and not s.late) as "Due soon",
       count(*) filter (where not s.warned and not s.late) as "In time"
  from standing s
 group by s.state
 order by array_position(array['predicted', 'confirmed', 'reopened', 'dispatched', 'on_site', 'estimated', 'restored'], s.state)
