-- Exercises that began in the window, and the last one that began before it; in their order.
select * from drill_now where starts_at >= %(frm)s and starts_at < %(to)s
union all
(select * from drill_now where starts_at < %(frm)s order by starts_at desc, drill_id limit 1)
order by starts_at, drill_id
