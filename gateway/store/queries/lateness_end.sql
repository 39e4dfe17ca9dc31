update webhook_target set late_since = null where target = %(target)s and late_since = %(since)s
