select (select nspowner::regrole::text from pg_namespace
         where nspname = 'feederline' and not pg_has_role(nspowner, 'USAGE')),
       format('alter database %I owner to %I', current_database(), session_user)
