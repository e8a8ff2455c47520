-- What every generated capture trigger calls, and what it keeps beside the outbox.

-- -------------------------------------------------------------------------------------------------
-- Doorbell. NOTIFY serialises commits, so a trigger rings only while the relay sleeps. The value is
-- the moment until which the relay sleeps, in epoch milliseconds; 0 means awake. Read without MVCC,
-- like current_outbox. A relay that was killed asleep leaves a value that runs out by itself.
create sequence hq_export.doorbell as bigint minvalue 0 start with 0;
select pg_catalog.setval('hq_export.doorbell', 0, true);
comment on sequence hq_export.doorbell is
  'epoch ms until which the relay sleeps and wants a NOTIFY; 0 while it works';
grant select, update on sequence hq_export.doorbell to hq_export_relay;

-- Called after the insert into the outbox, in this order: a writer that reads "awake" already holds
-- its lock on the outbox table, so the relay, which looks for holders after it has set the flag,
-- waits for it. Two hazards of NOTIFY are avoided by not ringing: it makes PREPARE TRANSACTION
-- fail, and a full notification queue fails the writer.
create function hq_export.ring() returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_sequence_last_value('hq_export.doorbell') > extract(epoch from clock_timestamp()) * 1000
     and current_setting('max_prepared_transactions') = '0'
     and pg_notification_queue_usage() < 0.5
  then
    perform pg_notify('hq_export_outbox', '');
  end if;
end $$;
comment on function hq_export.ring() is
  'wakes the relay if it sleeps; call after inserting into the outbox';

-- -------------------------------------------------------------------------------------------------
-- Trace context of the writing transaction: what the application set for it, else sqlcommenter in
-- the text of the query (the comment stands at its end), else none. Anything that is not W3C syntax
-- counts as none.
create function hq_export.current_traceparent() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_traceparent text := current_setting('hq_export.traceparent', true);
begin
  if coalesce(v_traceparent, '') = '' then
    -- Most writers set none: a plain search costs a fraction of the pattern.
    if strpos(current_query(), 'traceparent=''') = 0 then
      return null;
    end if;
    v_traceparent := substring(right(current_query(), 400) from 'traceparent=''([0-9a-f-]{55})''');
  end if;
  if v_traceparent ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$' then
    return v_traceparent;
  end if;
  return null;
end $$;
comment on function hq_export.current_traceparent() is
  'trace context of this transaction: GUC hq_export.traceparent, else sqlcommenter';

-- -------------------------------------------------------------------------------------------------
-- Versions. exported version = record_version + base. A key has a row here only if its
-- record_version ever failed to rise.
create table hq_export.version_base (
  base       bigint      not null,
  deleted_at timestamptz,
  dataset    smallint    not null,
  key        text        not null,
  constraint version_base_pkey primary key (dataset, key)
);
comment on table hq_export.version_base is
  'offset that keeps the exported version of a key rising; the source rows stay as the '
  'application wrote them';
comment on column hq_export.version_base.base is
  'added to record_version; after a delete, the version of the delete';
comment on column hq_export.version_base.deleted_at is
  'when the key was deleted in the source; null while it exists';
grant select, insert, update on hq_export.version_base to hq_export_relay;

-- The sum saturates: a version at the int8 maximum must not fail the write that carries it.
create function hq_export.exported_version(p_version bigint, p_base bigint) returns bigint
  language sql immutable parallel safe
  return case
    when p_base is null then p_version
    when p_version::numeric + p_base > 9223372036854775807 then 9223372036854775807
    when p_version::numeric + p_base < -9223372036854775808 then -9223372036854775808
    else p_version + p_base
  end;
comment on function hq_export.exported_version(bigint, bigint) is
  'record_version + base, held inside int8';

-- Same version, same id: a backfill of a version that was exported before changes nothing in HQ.
-- SHA-256 and not uuid5, because core PostgreSQL has no SHA-1.
create function hq_export.snapshot_id(p_org_id uuid, p_entity_type text, p_entity_id uuid,
  p_version bigint) returns uuid
  language sql immutable parallel safe
  return encode(substring(sha256(convert_to(
    p_org_id::text || '/' || p_entity_type || '/' || p_entity_id::text || '/' || p_version::text,
    'UTF8'
  )) from 1 for 16), 'hex')::uuid;
comment on function hq_export.snapshot_id(uuid, text, uuid, bigint) is
  'deterministic key of dx_entity_snapshots_v1';

-- -------------------------------------------------------------------------------------------------
-- Emergency switch: `set hq_export.disabled = 'on'` (session, role or database) turns capture off
-- without DDL. What is written meanwhile is a gap, recorded here, to be closed by a backfill.
create table hq_export.capture_gap (
  xid         xid8        not null default pg_catalog.pg_current_xact_id(),
  occurred_at timestamptz not null default pg_catalog.clock_timestamp(),
  dataset     smallint    not null,
  operation   text        not null,
  role        text        not null default session_user
);
comment on table hq_export.capture_gap is
  'statements whose changes were not captured for certain: hq_export.disabled was on, '
  'or a TRUNCATE under an old snapshot; backfill their datasets';
grant select on hq_export.capture_gap to hq_export_relay;

-- -------------------------------------------------------------------------------------------------
-- What is installed on the application's tables.
create table hq_export.binding (
  bound_at     timestamptz not null default pg_catalog.clock_timestamp(),
  number       smallint    not null,
  dataset      text        not null,
  name         text        not null,
  source_table text        not null,
  fingerprint  text        not null,
  definition   jsonb       not null,
  constraint binding_pkey primary key (dataset),
  constraint binding_number_key unique (number)
);
comment on table hq_export.binding is
  'one row per exported dataset: where it comes from and how its columns are computed';
comment on column hq_export.binding.name is 'binding that was installed, such as reference';
comment on column hq_export.binding.fingerprint is
  'sha256 of the generated SQL, to see whether an installed binding is the current one';
grant select on hq_export.binding to hq_export_relay;

revoke all on function hq_export.ring(), hq_export.current_traceparent(),
  hq_export.exported_version(bigint, bigint), hq_export.snapshot_id(uuid, text, uuid, bigint)
  from public;
grant execute on function hq_export.ring(), hq_export.current_traceparent(),
  hq_export.exported_version(bigint, bigint), hq_export.snapshot_id(uuid, text, uuid, bigint)
  to hq_export_relay;
