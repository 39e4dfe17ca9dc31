-- Listed metering points that serve somebody, by how they are heard.
select protocol, count(*) as points, sum(customers)::bigint as customers
  from device
 where listed and customers > 0
 group by protocol
 order by protocol
