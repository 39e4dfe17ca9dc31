update ticket set look_again_at = %(at)s
 where (look_again_at is null or look_again_at > %(at)s)
   and ticket_id in (select ticket_id from ticket where state not in ('closed', 'merged', 'cancelled')
                     union
                     select t.ticket_id from incident i join ticket t using (incident_id)
                      where i.state in ('open', 'restored'))
