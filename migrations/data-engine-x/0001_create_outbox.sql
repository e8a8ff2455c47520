-- The outbox: three plain tables that capture triggers fill inside the writer's transaction and
-- that the relay empties by TRUNCATE. No status column, no UPDATE, no DELETE: nothing for vacuum to
-- do, however long another session holds an old snapshot.
--
-- Locks: creates new objects only; no lock on a table of the application.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hq_export_relay') then
    create role hq_export_relay nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- roles belong to the server; another database of it was migrated at the same moment
end $$;

-- The relay logs in as the role that migrates and works as this one, with this one's rights only.
grant hq_export_relay to current_user;

grant usage on schema hq_export to hq_export_relay;
-- The relay refuses to work on migrations that it does not know.
grant select on hq_export.migration to hq_export_relay;

-- CACHE 1: a cached block per session would hand out positions that fall behind another session's
-- row of the same key, and seq is the order of the versions of one key.
create sequence hq_export.outbox_seq as bigint cache 1;

-- Number of the table that writers fill now. A sequence, because it is read without MVCC: a
-- transaction with an old snapshot sees a rotation at once. Whatever it read, the relay scans all
-- three tables, so a late writer loses nothing.
create sequence hq_export.current_outbox as smallint minvalue 0 maxvalue 2 start with 0;
select pg_catalog.setval('hq_export.current_outbox', 0, true);

create table hq_export.outbox_0 (
  xid         xid8        not null default pg_catalog.pg_current_xact_id(),
  seq         bigint      not null default pg_catalog.nextval('hq_export.outbox_seq'),
  captured_at timestamptz not null default pg_catalog.clock_timestamp(),
  version     bigint,
  dataset     smallint    not null,
  deleted     boolean     not null default false,
  sqlstate    text,
  key         text,
  traceparent text,
  body        text
) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);

create table hq_export.outbox_1 (like hq_export.outbox_0 including defaults)
  with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table hq_export.outbox_2 (like hq_export.outbox_0 including defaults)
  with (autovacuum_enabled = off, toast.autovacuum_enabled = off);

-- The only index: keyset pages of a window, (xid, seq) > (x, s) order by xid, seq.
create index outbox_0_window_idx on hq_export.outbox_0 (xid, seq);
create index outbox_1_window_idx on hq_export.outbox_1 (xid, seq);
create index outbox_2_window_idx on hq_export.outbox_2 (xid, seq);

comment on schema hq_export is 'export of committed changes to HQ; remove with uninstall.sql';
comment on table hq_export.outbox_0 is
  'captured changes that wait for the relay; one of three rotated tables';
comment on table hq_export.outbox_1 is
  'captured changes that wait for the relay; one of three rotated tables';
comment on table hq_export.outbox_2 is
  'captured changes that wait for the relay; one of three rotated tables';
comment on column hq_export.outbox_0.xid is
  'top-level transaction that wrote the change; windows are cut by its visibility';
comment on column hq_export.outbox_0.seq is
  'order of the versions of one key; says nothing about commit order';
comment on column hq_export.outbox_0.version is
  'exported record_version; null for append-only datasets';
comment on column hq_export.outbox_0.dataset is
  'number of the dataset in the contract; 0 is the heartbeat';
comment on column hq_export.outbox_0.deleted is 'the entity is gone and body is its last state';
comment on column hq_export.outbox_0.sqlstate is
  'null, or why the capture could not project the row: body is then the raw row, or null';
comment on column hq_export.outbox_0.key is 'values of the contract key, joined by /';
comment on column hq_export.outbox_0.traceparent is 'W3C trace context of the writing transaction';
comment on column hq_export.outbox_0.body is
  'JSON text of the contract row, built once, sent as it is';
comment on sequence hq_export.current_outbox is 'which outbox table writers fill';

grant select, truncate on hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2
  to hq_export_relay;
grant insert on hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2 to hq_export_relay;
grant usage, select on sequence hq_export.outbox_seq to hq_export_relay;
grant select, update on sequence hq_export.current_outbox to hq_export_relay;
