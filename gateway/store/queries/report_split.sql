with recursive under as (
    select node_key from node where node_id = %(node)s
    union
    select n.node_key from under u join node n on n.parent_key = u.node_key
)
select count(*) as members, count(*) filter (where d.node_key in (select node_key from under)) as below
  from incident_device m join device d using (device_key)
 where m.incident_id = %(incident)s
