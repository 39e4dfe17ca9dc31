select * from ticket where state not in ('closed', 'merged', 'cancelled') and drill = '' order by opened_at, ticket_id
