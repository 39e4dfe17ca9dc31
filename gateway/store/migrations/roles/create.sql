-- The groups that applications act as. Roles belong to the server, not to this database, and another database's
-- migration may be creating them at this moment. A migrating user who may not create roles goes on without them.

do $$
declare
    name text;
begin
    foreach name in array array['feederline_writer', 'feederline_api', 'feederline_grafana'] loop
        if not exists (select from pg_roles where rolname = name) then
            begin
                execute format('create role %I nologin', name);
            exception
                when duplicate_object or unique_violation then null;
                when insufficient_privilege then
                    raise warning 'role % is missing and % may not create it', name, current_user;
            end;
        end if;
        if exists (select from pg_roles where rolname = name) and not pg_has_role(current_user, name, 'SET') then
            begin
                execute format('grant %I to current_user', name);
            exception when insufficient_privilege then
                raise warning 'user % is no member of %', current_user, name;
            end;
        end if;
    end loop;
end $$;
