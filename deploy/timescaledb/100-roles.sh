#!/bin/sh
# Runs once, on an empty data directory: the two logins, and the groups they act through. The gateway's own migrations
# make the schema and grant each role what it may do.
set -eu
# psql takes the passwords from its variables, so neither a command line nor a log shows them.
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set gateway `cat /run/secrets/database_password`
\set grafana `cat /run/secrets/grafana_database_password`
set log_statement = 'none';
set log_min_error_statement = 'panic';

create role feederline login password :'gateway';
create role feederline_writer nologin;
create role feederline_api nologin;
create role feederline_grafana login password :'grafana' connection limit 20;
grant feederline_writer, feederline_api, feederline_grafana to feederline;

select current_database() as here \gset
alter database :"here" owner to feederline;
revoke all on database :"here" from public;
grant connect on database :"here" to feederline_grafana;

-- A dashboard reads, and no panel may hold the server up.
alter role feederline_grafana set default_transaction_read_only = on;
alter role feederline_grafana set statement_timeout = '30s';
SQL
