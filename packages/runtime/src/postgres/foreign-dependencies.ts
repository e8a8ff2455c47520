import type pg from 'pg'

/**
 * An object of ours that depends on code that is not PostgreSQL's and not ours: whoever owns that
 * runs it with our rights.
 */
export interface ForeignDependency {
  /** The object of ours, as `function hq_export.exported_version(bigint,bigint)`. */
  readonly object: string
  /** Where the other stands. */
  readonly schema: string
  readonly name: string
  /** The other, as `operator public.+(numeric,bigint)`. */
  readonly reference: string
}

/*
 * PostgreSQL's own objects have oids below 16384. What pg_depend does not know are bodies that are
 * text: those are resolved when they run, under the path that the function pins, which is looked at
 * by itself; rows of applications' tables have types that we did not choose, so for views and for
 * what they read their tables through types do not count. Members of an extension that a superuser
 * owns are code of the server.
 *
 * Takes no lock but the catalogs'.
 */
const FOREIGN = /* sql */ `
with ours as (
  select n.oid from pg_catalog.pg_namespace n where n.nspname = any ($1::pg_catalog.text[])
), objects as (
  select 'pg_catalog.pg_proc'::pg_catalog.regclass as classid, p.oid,
         pg_catalog.starts_with(p.proname, 'row_dx_') as is_of_rows
  from pg_catalog.pg_proc p where p.pronamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relkind in ('v', 'm')
  from pg_catalog.pg_class c where c.relnamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, true
  from pg_catalog.pg_rewrite w join pg_catalog.pg_class c on c.oid = w.ev_class
  where c.relnamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, false
  from pg_catalog.pg_attrdef a join pg_catalog.pg_class c on c.oid = a.adrelid
  where c.relnamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, false
  from pg_catalog.pg_constraint k where k.connamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_policy'::pg_catalog.regclass, y.oid, false
  from pg_catalog.pg_policy y join pg_catalog.pg_class c on c.oid = y.polrelid
  where c.relnamespace in (select oid from ours)
  union all
  select 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, false
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  where c.relnamespace in (select oid from ours) or p.pronamespace in (select oid from ours)
), dependencies as (
  select distinct o.classid, o.oid, d.refclassid, d.refobjid
  from objects o join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.oid
  where d.refobjid >= 16384
    and (d.refclassid in
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
      or d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass and not o.is_of_rows)
), named as (
  select d.classid, d.oid, d.refclassid, d.refobjid, n.oid as schema_oid, n.nspname as schema,
    coalesce(p.proname, x.oprname, t.typname) as name,
    coalesce(p.proowner, x.oprowner, t.typowner) as owner
  from dependencies d
  left join pg_catalog.pg_proc p on d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    and p.oid = d.refobjid
  left join pg_catalog.pg_operator x on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
    and x.oid = d.refobjid
  left join pg_catalog.pg_type t on d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
    and t.oid = d.refobjid
  join pg_catalog.pg_namespace n on n.oid = coalesce(p.pronamespace, x.oprnamespace, t.typnamespace)
)
select mine.type || ' ' || mine.identity as object, d.schema, d.name,
       other.type || ' ' || other.identity as reference
from named d
join pg_catalog.pg_roles r on r.oid = d.owner
cross join lateral pg_catalog.pg_identify_object(d.classid, d.oid, 0) mine
cross join lateral pg_catalog.pg_identify_object(d.refclassid, d.refobjid, 0) other
where d.schema <> 'pg_catalog' and d.schema_oid not in (select oid from ours)
  and not (r.rolsuper and exists (
    select from pg_catalog.pg_depend e
    where e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e'))
order by 1, 4`

// A trigger function of ours is looked at more closely by the doctor; a function that rows are read
// through is inlined, and names every type.
const UNPINNED = /* sql */ `
select pg_catalog.format('%s', p.oid::pg_catalog.regprocedure) as name
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname = any ($1::pg_catalog.text[]) and l.lanname not in ('c', 'internal')
  and p.prosqlbody is null and p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
  and not pg_catalog.starts_with(p.proname, 'row_dx_')
  and not exists (
    select from pg_catalog.unnest(p.proconfig) s (setting)
    where s.setting = 'search_path=pg_catalog, pg_temp')
order by 1`

/**
 * Finds objects in schemas of ours that depend on a function, an operator or a type which is
 * neither PostgreSQL's nor in one of `schemas`.
 */
export async function findForeignDependencies(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<ForeignDependency[]> {
  return (await client.query<ForeignDependency>(FOREIGN, [schemas])).rows
}

/**
 * Functions in schemas of ours whose body is resolved anew under the path of whoever calls them.
 */
export async function findUnpinnedFunctions(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<string[]> {
  return (await client.query<{ name: string }>(UNPINNED, [schemas])).rows.map(({ name }) => name)
}
