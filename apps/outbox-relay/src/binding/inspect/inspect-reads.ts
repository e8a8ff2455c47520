import type pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'

// As in inspect-sources.ts: row level security would hide rows from the role that captures,
// silently.
const READ_BY = `
select pg_catalog.has_table_privilege(o.oid, c.oid, 'select') as is_readable,
  not c.relrowsecurity or o.rolsuper or o.rolbypassrls
    or (c.relowner = o.oid and not c.relforcerowsecurity) as is_seen_whole
from pg_catalog.pg_roles o
left join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass($1)
where o.rolname = $2`

/**
 * Tables that the dataset's SQL reads beside its own: those that the binding names, its children
 * and its history.
 */
export function readTables({ reads, settle, snapshot }: BoundDataset): string[] {
  const named = [...reads, settle?.children.table, snapshot?.history?.table]
  return [...new Set(named.filter((table) => table !== undefined))]
}

/** Finds tables that the owner of the bound one, which captures, may not read as a whole. */
export async function inspectReads(
  client: pg.ClientBase,
  bound: BoundDataset,
  owner: string,
): Promise<string[]> {
  const problems: string[] = []
  for (const table of readTables(bound)) {
    const { rows } = await client.query<{
      is_readable: boolean | null
      is_seen_whole: boolean | null
    }>(READ_BY, [tableSql(table), owner])
    const definer = `role ${owner}, which owns ${bound.table} and captures for it,`
    const [found] = rows
    if (found === undefined || found.is_readable === null)
      problems.push(`${bound.dataset}: table ${table} does not exist`)
    else if (!found.is_readable)
      problems.push(`${bound.dataset}: ${definer} may not read ${table}; grant it SELECT`)
    else if (!found.is_seen_whole)
      problems.push(
        `${bound.dataset}: row level security of ${table} hides rows from ${definer} without ` +
          'an error; grant it BYPASSRLS',
      )
  }
  return problems
}
