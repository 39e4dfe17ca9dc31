select pg_notify('feederline_outbox', '')
