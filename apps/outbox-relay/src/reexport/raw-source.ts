import pg from 'pg'
import type { BoundDataset } from '../binding/binding-schema.ts'

/**
 * Raw rows of failed captures as a FROM item, and what one of them lacks of the table as it is now.
 */
export interface RawSource {
  /** `json_to_recordset(...) as r(...)` over parameter `$1`, a JSON array of raw rows. */
  readonly sql: string
  /** Columns that the table has now and not every raw row has. */
  readonly missing: readonly string[]
}

// From the catalog, which everybody may read: the relay's role has no right on the application's
// schema.
const COLUMNS = /* sql */ `
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped
order by a.attnum`

/**
 * Reads the names that every JSON object of an array has at its top; a value is never looked at.
 */
const NAMES = /* sql */ `
select n as name
from pg_catalog.json_array_elements($1::json) e cross join lateral pg_catalog.json_object_keys(e) n
group by n having count(*) = pg_catalog.json_array_length($1::json)`

/**
 * Makes the raw rows of failed captures readable as rows `r` of their source table, for the
 * expressions of the binding.
 * @param raw JSON array of what the captures kept.
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
    sql: `pg_catalog.json_to_recordset($1::json) as r(${list.join(', ')})`,
    missing: columns.map(({ name }) => name).filter((name) => !kept.has(name)),
  }
}
