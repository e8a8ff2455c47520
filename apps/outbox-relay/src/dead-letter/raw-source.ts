import pg from 'pg'
import type { BoundDataset } from '../binding/binding-schema.ts'

/** A raw row of a failed capture as a FROM item, and what it lacks of the table as it is now. */
export interface RawSource {
  /** `json_to_record(...) as r(...)` over parameter `$1`, the raw row's JSON text. */
  readonly sql: string
  /** Columns that the table has now and the raw row does not. */
  readonly missing: readonly string[]
}

// From the catalog, which everybody may read: the relay's role has no right on the application's schema.
const COLUMNS = /* sql */ `
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped
order by a.attnum`

/** Reads the names at the top of a JSON object; a value is never looked at. */
const NAMES = /* sql */ `select pg_catalog.json_object_keys($1::json) as name`

/**
 * Makes the raw row of a failed capture readable as the row `r` of its source table, for the expressions of the binding.
 * @param raw JSON text that the capture kept.
 */
export async function rawSource(
  client: pg.ClientBase,
  bound: BoundDataset,
  raw: string,
): Promise<RawSource> {
  const columns = (
    await client.query<{ name: string; type: string }>(COLUMNS, bound.table.split('.'))
  ).rows
  const kept = new Set(
    (await client.query<{ name: string }>(NAMES, [raw])).rows.map(({ name }) => name),
  )
  const list = columns.map(({ name, type }) => `${pg.escapeIdentifier(name)} ${type}`)
  return {
    sql: `pg_catalog.json_to_record($1::json) as r(${list.join(', ')})`,
    missing: columns.map(({ name }) => name).filter((name) => !kept.has(name)),
  }
}
