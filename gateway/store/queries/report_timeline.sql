select at, what, made_by, said
  from (
      select started_at as at, 1 as rank, 'incident.started' as what, 'detector' as made_by, summary as said
        from incident where incident_id = %(incident)s
      union all
      select detected_at, 2, 'incident.detected', 'detector', '' from incident where incident_id = %(incident)s
      union all
      select restored_at, 4, 'incident.restored', 'detector', ''
        from incident where incident_id = %(incident)s and restored_at is not null
      union all
      select ended_at, 6, 'incident.' || state, 'detector', ''
        from incident where incident_id = %(incident)s and ended_at is not null
      union all
      select received_at, 3, 'instruction.' || word, made_by, concat_ws(': ', nullif(concat(other, node_id), ''), nullif(reason, ''))
        from instruction where incident_id = %(incident)s
      union all
      select made_at, 7, 'correction', made_by, reason from correction where incident_id = %(incident)s
      union all
      select s.at, 5, 'ticket.' || s.action, s.actor, s.reason
        from ticket t join ticket_transition s using (ticket_id) where t.incident_id = %(incident)s
  ) told
 order by at desc, rank desc
 limit %(limit)s
