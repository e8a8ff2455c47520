import type pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'
import { readTables } from './inspect-reads.ts'

/*
 * Types that a table's columns are made of and that are not PostgreSQL's own (those have oids below
 * 16384). Their owner may at any time create a cast to text or json, or a domain's check: it would
 * run in captures as the owner of the bound table. Members of an extension that a superuser owns
 * are code of the server.
 */
const TYPES = `
with recursive used (oid) as (
  select a.atttypid from pg_catalog.pg_attribute a
  where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped
  union
  select part.oid
  from used u join pg_catalog.pg_type t on t.oid = u.oid
  cross join lateral (
    select t.typelem union all select t.typbasetype
    union all select a.atttypid from pg_catalog.pg_attribute a
      where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    union all select g.rngsubtype from pg_catalog.pg_range g where g.rngtypid = t.oid
  ) part (oid)
  where part.oid <> 0
)
select pg_catalog.format('%I.%I', n.nspname, t.typname) as type, o.rolname as owner,
  pg_catalog.pg_has_role(t.typowner, definer.oid, 'member') as is_trusted,
  coalesce((
    select pg_catalog.json_agg(c.castfunc::pg_catalog.regprocedure::text)
    from pg_catalog.pg_cast c
    join pg_catalog.pg_proc f on f.oid = c.castfunc
    join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
    join pg_catalog.pg_roles fo on fo.oid = f.proowner
    where c.castsource = t.oid and fn.nspname <> 'pg_catalog'
      and c.casttarget in (
        'pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype,
        'pg_catalog.bpchar'::pg_catalog.regtype, 'pg_catalog.json'::pg_catalog.regtype,
        'pg_catalog.jsonb'::pg_catalog.regtype)
      and not (fo.rolsuper and exists (
        select from pg_catalog.pg_depend e
        where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = f.oid
          and e.deptype = 'e'))
  ), '[]') as casts
from used u
join pg_catalog.pg_type t on t.oid = u.oid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
join pg_catalog.pg_roles o on o.oid = t.typowner
join pg_catalog.pg_roles definer on definer.rolname = $2
where t.oid >= 16384 and n.nspname <> 'pg_catalog' and t.typcategory <> 'A'
order by 1`

interface TypeRow {
  type: string
  owner: string
  is_trusted: boolean
  casts: string[]
}

/**
 * Finds column types through which somebody else could run code as the owner of the bound table,
 * which captures.
 */
export async function inspectTypes(
  client: pg.ClientBase,
  bound: BoundDataset,
  owner: string,
): Promise<string[]> {
  const problems: string[] = []
  for (const table of [bound.table, ...readTables(bound)]) {
    const { rows } = await client.query<TypeRow>(TYPES, [tableSql(table), owner])
    const place = `${bound.dataset}: ${table} has a column of type`
    for (const { type, owner: typeOwner, is_trusted, casts } of rows) {
      if (!is_trusted)
        problems.push(
          `${place} ${type}, which belongs to ${typeOwner}: a cast or check of it would run as ` +
            `${owner}; run: alter type ${type} owner to ${owner}`,
        )
      for (const cast of casts)
        problems.push(
          `${place} ${type}, whose cast runs ${cast} in every capture; drop the cast, ` +
            'or make it WITH INOUT',
        )
    }
  }
  return problems
}
