-- Two functions that captures and backfills call for every row, so that PostgreSQL puts them in the
-- place of the call, or has less to do there. Same results.
--
-- Locks: none that a writer or reader waits for; whoever calls one of them meanwhile finishes with
-- the old one.

-- Whoever applies this file by hand needs the path, too.
set local search_path = pg_catalog, pg_temp;

-- With convert_to, which is only stable, it could not be put there: each call started an executor
-- (44,000 instructions, now 33,000). An encoding other than UTF8 is refused by `migrate`, so the
-- bytes of the text are those. A cast to bytea reads a backslash as the start of an escape.
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
