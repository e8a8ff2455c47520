-- Who may do what in HQ. Roles belong to the server, not to the database: another database of the
-- same server may be migrated at this very moment, so losing that race is as good as winning it.
--
-- hq_ingest_writer owns the tables and is what the gateway's sessions run as (`-c
-- role=hq_ingest_writer`). hq_reader is granted to whoever analyses; row level security shows it
-- one org at a time (0002).
--
-- Locks: creates new objects only. Runs as a superuser, or as an ordinary owner of the database
-- with CREATEROLE.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hq_ingest_writer') then
    create role hq_ingest_writer nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another database of this server was migrated at the same moment
end $$;

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hq_reader') then
    create role hq_reader nologin;
  end if;
exception when duplicate_object or unique_violation then
  null;
end $$;

-- Whoever migrates hands tables to the writer, alters them later, and runs as it. A superuser needs
-- no membership. Since PostgreSQL 16 whoever creates a role is a member that may administer it and
-- nothing else, so membership is not enough.
do $$
declare
  act_as constant text :=
    case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'set'
      else 'member' end;
begin
  if not pg_catalog.pg_has_role(current_user, 'hq_ingest_writer', 'usage')
     or not pg_catalog.pg_has_role(current_user, 'hq_ingest_writer', act_as) then
    execute pg_catalog.format('grant hq_ingest_writer to %I', current_user);
  end if;
exception when unique_violation then
  null; -- granted by another migration at the same moment
end $$;

create schema hq;

grant usage, create on schema hq to hq_ingest_writer;
grant usage, create on schema ingest to hq_ingest_writer;
grant usage on schema hq to hq_reader;

comment on schema hq is 'the warehouse: the five datasets of export contract v1';
comment on schema ingest is 'machinery of the gateway: ledger, quarantine, heartbeat';
