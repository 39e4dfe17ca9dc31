select kind.of, r.*
  from unnest(array['all', 'fault', 'planned']) as kind (of),
       reliability(%(frm)s::timestamptz, %(to)s::timestamptz, %(at)s::timestamptz, kind.of) r
