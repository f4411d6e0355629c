-- The roles and the database of the stack. Says the same thing at every start; changes only what differs.
set synchronous_commit = local; -- a standby that waits for these roles must not be waited for
set client_min_messages = warning;
set log_min_duration_statement = -1;
set log_min_error_statement = panic;
set pg_stat_statements.track = none;

\set app `cat /run/secrets/postgres_app_password`
\set replication `cat /run/secrets/postgres_replication_password`
\set monitoring `cat /run/secrets/postgres_monitoring_password`
\set backup `cat /run/secrets/postgres_backup_password`

select format('create role %I', name)
  from unnest(array['app', 'replication', 'monitoring', 'backup']) as wanted (name)
 where not exists (select from pg_roles where rolname = name)
\gexec
alter role app with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'app';
alter role replication with login nosuperuser nocreatedb nocreaterole replication nobypassrls password :'replication';
alter role monitoring with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 6 password :'monitoring';
alter role backup with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 6 password :'backup';

-- A pool that took every connection must not blind the monitoring or stop the backups.
grant pg_use_reserved_connections to monitoring, backup;
-- What these two ask is nobody's slow query.
alter role monitoring set log_min_duration_statement = -1;
alter role backup set log_min_duration_statement = -1;
grant pg_monitor to monitoring;
grant pg_read_all_settings, pg_checkpoint to backup;
grant execute on function pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
  pg_create_restore_point(text) to backup;

revoke all on database postgres, template1 from public;
grant connect on database postgres to monitoring, backup, replication;
-- What pg_rewind reads of the primary; a base backup gives this role the same files.
grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean) to replication;
create extension if not exists pg_stat_statements;

select format('create database %I owner app', :'database')
 where not exists (select from pg_database where datname = :'database')
\gexec
alter database :"database" owner to app;
revoke all on database :"database" from public;
grant connect on database :"database" to monitoring;

\connect :"database"
set synchronous_commit = local;
set client_min_messages = warning;
create extension if not exists pg_stat_statements;
