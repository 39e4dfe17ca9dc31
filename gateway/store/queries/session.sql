select set_config('search_path', 'feederline', false),
       set_config('statement_timeout', %(statement_timeout)s, false),
       (select set_config('role', rolname, false)
          from pg_roles
         where rolname = %(role)s::text and pg_has_role(rolname, 'SET'))
