-- Functions whose bodies are bound to operators and functions when they are created. Until now that
-- was done under a search path with `public` in it, where everybody may have put an operator that
-- fits better than PostgreSQL's own, and which then ran as the owner of a bound table in every
-- capture. The same definitions, bound again under the path that migrations have now, `pg_catalog,
-- pg_temp`.
--
-- Locks: none that a writer or reader waits for; whoever calls one of them meanwhile finishes with
-- the old one.

-- Whoever applies this file by hand needs the path, too.
set local search_path = pg_catalog, pg_temp;

create or replace function hq_export.exported_version(p_version bigint, p_base bigint)
  returns bigint
  language sql immutable parallel safe
  return case
    when p_base is null then p_version
    when p_version::numeric + p_base > 9223372036854775807 then 9223372036854775807
    when p_version::numeric + p_base < -9223372036854775808 then -9223372036854775808
    else p_version + p_base
  end;

create or replace function hq_export.snapshot_id(p_org_id uuid, p_entity_type text,
  p_entity_id uuid, p_version bigint) returns uuid
  language sql immutable parallel safe
  return encode(substring(sha256(convert_to(
    p_org_id::text || '/' || p_entity_type || '/' || p_entity_id::text || '/' || p_version::text,
    'UTF8'
  )) from 1 for 16), 'hex')::uuid;

create or replace function hq_export.allowed_payload(p_payload jsonb, p_names text[]) returns jsonb
  language sql immutable parallel safe
  return coalesce((
    select pg_catalog.jsonb_object_agg(e.key, e.value)
    from pg_catalog.jsonb_each(case when pg_catalog.jsonb_typeof(p_payload) = 'object'
      then p_payload else '{}' end) e
    where e.key = any (p_names)
  ), '{}');

create or replace function hq_export.first_text(p_names text[], p_payloads jsonb[]) returns text
  language sql immutable parallel safe
  return (
    select t.value
    from pg_catalog.unnest(p_names) with ordinality n (name, place)
    cross join pg_catalog.unnest(p_payloads) with ordinality p (payload, place)
    cross join lateral (
      select pg_catalog.btrim(p.payload ->> n.name,
        E'\u0009\u000a\u000b\u000c\u000d\u001c\u001d\u001e\u001f\u0020\u0085\u00a0\u1680\u2000'
        '\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
      ) as value
    ) t
    where pg_catalog.jsonb_typeof(p.payload -> n.name) = 'string' and t.value <> ''
    order by n.place, p.place
    limit 1
  );
