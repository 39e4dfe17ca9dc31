select correct_interruption(%(incident)s::text, %(device)s::text, %(step)s::integer, %(started_at)s::timestamptz,
                            %(ended_at)s::timestamptz, %(voided)s::boolean, %(kind)s::text, %(cause)s::text,
                            %(as_detected)s::boolean, %(by)s::text, %(reason)s::text, %(at)s::timestamptz)
