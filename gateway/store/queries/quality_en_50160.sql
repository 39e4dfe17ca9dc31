-- Those who do not meet it first.
select * from en_50160(%(frm)s::timestamptz, %(till)s::timestamptz) q
 where %(below)s::text[] is null or q.node_id in (select nodes_below(%(below)s::text[]))
 order by met, percent nulls last, device_id
 limit %(limit)s
