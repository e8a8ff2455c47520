-- What captures ask, at less of a writer's time: the id of a snapshot, which backfills and
-- comparisons need for every row, too, and whether there may be a trace context. Same results.
--
-- Locks: none that a writer or reader waits for; whoever calls one of them meanwhile finishes with
-- the old one.

-- Whoever applies this file by hand needs the path, too.
set local search_path = pg_catalog, pg_temp;

-- With convert_to, which is only stable, PostgreSQL could not put it in the place of the call, and
-- started an executor for each (44,000 instructions, now 33,000). An encoding other than UTF8 is
-- refused by `migrate`, so the bytes of the text are those. A cast to bytea reads a backslash as the
-- start of an escape.
create or replace function hq_export.snapshot_id(p_org_id uuid, p_entity_type text,
  p_entity_id uuid, p_version bigint) returns uuid
  language sql immutable parallel safe
  return encode(substring(sha256((
    p_org_id::text || '/' || replace(p_entity_type, '\', '\\') || '/' || p_entity_id::text || '/'
      || p_version::text
  )::bytea) from 1 for 16), 'hex')::uuid;

-- A long text is searched once, see hq_export.current_traceparent. LIKE finds what strpos finds,
-- and has no table to fill first.
create or replace function hq_export.has_traceparent() returns boolean
  language sql volatile
  return current_setting('hq_export.traceparent', true) <> ''
    or octet_length(current_query()) > 2000
    or current_query() collate "C" like '%traceparent=''%';
