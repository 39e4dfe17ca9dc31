select set_config('statement_timeout', '10s', false),
       set_config('idle_session_timeout', '0', false),
       set_config('tcp_keepalives_idle', '10', false),
       set_config('tcp_keepalives_interval', '5', false),
       set_config('tcp_keepalives_count', '3', false)
