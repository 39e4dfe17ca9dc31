set statement_timeout = 0; set lock_timeout = 0; set client_min_messages = warning
