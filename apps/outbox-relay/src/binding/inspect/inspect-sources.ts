import pg from 'pg'
import type { Binding, BoundDataset } from '../binding-schema.ts'
import { type SourceColumn, type SourceTable, tableSql } from '../source-table.ts'
import { inspectExtensions } from './extensions.ts'
import { inspectReads } from './inspect-reads.ts'
import { inspectTypes } from './inspect-types.ts'

const { escapeIdentifier } = pg

/** What the catalog says of the bound tables, and everything that forbids to bind them. */
export interface Inspection {
  readonly sources: ReadonlyMap<string, SourceTable>
  readonly problems: readonly string[]
}

interface RelationRow {
  schema: string
  name: string
  kind: string
  owner: string
  is_readable: boolean
  is_seen_whole: boolean
  columns: (SourceColumn & { notNull: boolean })[]
  /** `u` where a crash empties it, `t` where it ends with its session. */
  persistence: string
  /**
   * A table that is above or below it by inheritance, beside the partitions that are bound with it.
   */
  relative: string | null
  /** A subscription that writes it. */
  is_subscribed: boolean
  unique_keys: string[][]
  deferrable_keys: string[][]
}

const uniqueKeys = (condition: string): string => `(select coalesce(json_agg((
     select json_agg(a.attname)
     from pg_catalog.pg_attribute a
     where a.attrelid = c.oid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
   )), '[]')
   from pg_catalog.pg_index i
   where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
     and i.indexprs is null and ${condition}
  )`

/*
 * The table and every partition below it. A type of PostgreSQL's is named with its schema unless
 * its name is part of SQL's grammar: a row function is resolved under the path of whoever reads the
 * view. `is_seen_whole`: row level security would empty what the owner of the bound table reads,
 * silently, unless it owns the relation too and is not forced, or bypasses it.
 */
const RELATIONS = `
with root as (
  select c.oid, c.relowner from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)
), tree as (
  select r.oid, r.oid as relid, 0 as level from root r
  union
  select r.oid, p.relid, p.level from root r
  cross join lateral pg_catalog.pg_partition_tree(r.oid) p
)
select n.nspname as schema, c.relname as name, c.relkind as kind, o.rolname as owner,
  pg_catalog.has_table_privilege(o.oid, c.oid, 'select') as is_readable,
  not c.relrowsecurity or o.rolsuper or o.rolbypassrls
    or (c.relowner = o.oid and not c.relforcerowsecurity) as is_seen_whole,
  (select coalesce(json_agg(json_build_object('name', a.attname, 'notNull', a.attnotnull,
     'type', case when pg_catalog.format_type(e.oid, null) = pg_catalog.quote_ident(e.typname)
       and e.typname <> 'interval'
       then 'pg_catalog.' else '' end || pg_catalog.format_type(a.atttypid, -1), 'isVirtual',
       a.attgenerated = 'v') order by a.attnum), '[]')
   from pg_catalog.pg_attribute a
   join pg_catalog.pg_type t on t.oid = a.atttypid
   join pg_catalog.pg_type e on e.oid = case when t.typcategory = 'A' and t.typelem <> 0
     then t.typelem else t.oid end
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  c.relpersistence as persistence,
  (select pg_catalog.format('%I.%I', pn.nspname, pc.relname)
   from pg_catalog.pg_inherits h
   join pg_catalog.pg_class pc on pc.oid = case when h.inhrelid = c.oid then h.inhparent
     else h.inhrelid end
   join pg_catalog.pg_namespace pn on pn.oid = pc.relnamespace
   where c.oid in (h.inhrelid, h.inhparent) and pc.oid not in (select b.relid from tree b)
   order by 1 limit 1) as relative,
  exists (select from pg_catalog.pg_subscription_rel s where s.srrelid = c.oid) as is_subscribed,
  ${uniqueKeys('i.indimmediate')} as unique_keys,
  ${uniqueKeys('not i.indimmediate')} as deferrable_keys
from tree t
join root r on r.oid = t.oid
join pg_catalog.pg_class c on c.oid = t.relid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles o on o.oid = r.relowner
order by t.level, n.nspname, c.relname`

function columnProblems(bound: BoundDataset, root: RelationRow): string[] {
  const problems: string[] = []
  const named = [
    ...bound.key.map((column) => ['key', column] as const),
    ...(bound.version === undefined ? [] : [['version', bound.version] as const]),
    ...(bound.terminal === undefined ? [] : [['terminal', bound.terminal.column] as const]),
  ]
  for (const [role, name] of named) {
    const column = root.columns.find((candidate) => candidate.name === name)
    if (column === undefined)
      problems.push(`${bound.dataset}: ${role} column ${bound.table}.${name} does not exist`)
    else if (role !== 'terminal' && !column.notNull)
      problems.push(`${bound.dataset}: ${role} column ${bound.table}.${name} allows NULL`)
  }
  if (problems.length > 0) return problems
  const covers = (columns: readonly string[]): boolean =>
    columns.every((column) => bound.key.includes(column))
  if (root.unique_keys.some(covers)) return []
  const key = bound.key.join(', ')
  return [
    root.deferrable_keys.some(covers)
      ? `${bound.dataset}: the unique constraint of ${bound.table} on (${key}) is deferrable, ` +
        'so two rows may have one key for a while, and which of them stays no trigger can tell; ' +
        'make it NOT DEFERRABLE'
      : `${bound.dataset}: ${bound.table} has no unique index on (${key})`,
  ]
}

/** Ways by which rows come, go or change that fire no trigger of the bound table. */
function unseenProblems(
  bound: BoundDataset,
  { schema, name, kind, persistence, relative, is_subscribed }: RelationRow,
): string[] {
  const relation = `${bound.dataset}: ${schema}.${name}`
  const problems: string[] = []
  if (kind === 'f')
    problems.push(`${relation} is a foreign table; its server changes rows without our triggers`)
  if (persistence !== 'p')
    problems.push(
      `${relation} is ` +
        (persistence === 'u' ? 'unlogged, and a crash empties it' : 'temporary, and ends') +
        ' without a delete; ' +
        'make it an ordinary table (alter table ... set logged)',
    )
  if (relative !== null)
    problems.push(
      `${relation} and ${relative} inherit, and a write through the one changes rows of the ` +
        'other unseen; take them apart (alter table ... no inherit), ' +
        'or bind the root of the partitions',
    )
  if (is_subscribed)
    problems.push(
      `${relation} is written by a subscription, which fires no statement trigger; ` +
        'bind it where it is published',
    )
  return problems
}

function tableProblems(bound: BoundDataset, relations: readonly RelationRow[]): string[] {
  const [root] = relations
  if (root === undefined) return [`${bound.dataset}: table ${bound.table} does not exist`]
  if (root.kind !== 'r' && root.kind !== 'p')
    return [`${bound.dataset}: ${bound.table} is not a table; triggers cannot see its changes`]
  const problems = columnProblems(bound, root)
  problems.push(...relations.flatMap((relation) => unseenProblems(bound, relation)))
  for (const { schema, name, owner, is_readable, is_seen_whole } of relations) {
    const definer = `role ${owner}, which owns ${bound.table} and captures for it,`
    if (!is_seen_whole)
      problems.push(
        `${bound.dataset}: row level security of ${schema}.${name} hides rows from ${definer} ` +
          'without an error; grant it BYPASSRLS, or let it own the table ' +
          'without FORCE ROW LEVEL SECURITY',
      )
    if (!is_readable)
      problems.push(`${bound.dataset}: ${definer} may not read ${schema}.${name}; grant it SELECT`)
  }
  return problems
}

/** One view shows the snapshots of all entities, and it reads histories as one role. */
function ownerProblems({ datasets }: Binding, sources: ReadonlyMap<string, SourceTable>): string[] {
  const entities = datasets.filter(({ snapshot }) => snapshot !== undefined)
  const found = entities.map(({ table }) => sources.get(table)?.owner)
  const owners = new Set(found.filter((owner) => owner !== undefined))
  const hasHistory = entities.some(({ snapshot }) => snapshot?.history !== undefined)
  if (!hasHistory || owners.size <= 1) return []
  const names = entities.map(({ table }) => table).join(', ')
  return [`a history needs one owner for ${names}; give them one, or leave snapshot.history out`]
}

/** Reads the bound tables from the catalog: no lock on them beyond a catalog look-up's. */
export async function inspectSources(client: pg.ClientBase, binding: Binding): Promise<Inspection> {
  const sources = new Map<string, SourceTable>()
  const problems: string[] = []
  for (const bound of binding.datasets) {
    const { rows } = await client.query<RelationRow>(RELATIONS, [tableSql(bound.table)])
    const found = tableProblems(bound, rows)
    problems.push(...found)
    const [root] = rows
    if (root === undefined || found.length > 0) continue
    sources.set(bound.table, {
      table: bound.table,
      owner: root.owner,
      columns: root.columns.map(({ name, type, isVirtual }) => ({ name, type, isVirtual })),
      relations: rows.map(({ schema, name, kind }) => ({
        sql: `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`,
        hasStorage: kind === 'r',
      })),
    })
    problems.push(...(await inspectReads(client, bound, root.owner)))
    problems.push(...(await inspectTypes(client, bound, root.owner)))
  }
  problems.push(...ownerProblems(binding, sources))
  problems.push(...(await inspectExtensions(client, binding)))
  return { sources, problems }
}
