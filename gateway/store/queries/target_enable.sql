update webhook_target set disabled_at = null, reason = '', changed_at = %(at)s, changed_by = %(by)s
 where target = %(target)s and disabled_at is not null
