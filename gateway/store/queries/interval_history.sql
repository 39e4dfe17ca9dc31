select h.starts_at, h.ends_at, h.ends_at <= intervals_final_before() as final, h.version, h.standing, h.too_late, h.made_at,
       h.raw, h.value, h.status_code, h.rule_flags, h.edit_id, h.made_by, h.reason
  from interval_history h
 where h.device_key = %(device)s and h.quantity_code = %(quantity)s::smallint and h.starts_at = %(start)s
 order by h.version, h.too_late, h.made_at
