-- Groups with most customer minutes first within each period.
select a.*, n.name, n.kind
  from reliability_by(%(place)s::text, %(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz, array[%(of)s::text],
                      %(basis)s::text, %(period)s::text) a
  left join node n on n.node_id = a.key and %(place)s::text <> 'customer_class'
 order by a.period_from, a.customer_minutes + a.open_customer_minutes desc, a.customer_interruptions desc, a.key
 limit %(limit)s
