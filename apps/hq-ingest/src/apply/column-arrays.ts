import type { Column, Dataset } from '@hq-export/contract'
import type { AcceptedRow } from './batch-row.ts'

/*
 * Rows travel into a statement as one array per column, in PostgreSQL's text form ("Arrays", Input
 * and Output Syntax). One parameter per column, because a statement takes 65,535 at most; arrays,
 * because PostgreSQL takes them apart in 4.5 us a row of 24 columns where json_to_recordset needs
 * 12. A column without any value travels as an empty array: unnest fills up with NULL.
 */

const SPECIAL_PATTERN = /["\\]/
const SPECIALS_PATTERN = /["\\]/g

/** Types whose valid values hold nothing that an array literal would read as its own. */
const BARE_TYPES: ReadonlySet<Column['type']> = new Set([
  'uuid',
  'int4',
  'int8',
  'numeric',
  'boolean',
  'timestamptz',
])

function quote(text: string): string {
  return SPECIAL_PATTERN.test(text) ? `"${text.replace(SPECIALS_PATTERN, '\\$&')}"` : `"${text}"`
}

// One join per column: adding value by value would leave a rope of 100,000 pieces a batch to the
// garbage collector.
function arrayOf(
  rows: readonly AcceptedRow[],
  read: (row: AcceptedRow) => unknown,
  bare: boolean,
): string {
  let empty = true
  const texts = rows.map((row) => {
    const value = read(row)
    if (value === null || value === undefined) return 'NULL'
    empty = false
    return bare ? value : quote(String(value))
  })
  return empty ? '{}' : `{${texts.join(',')}}`
}

/** Number of the first parameter that {@link arraysFrom} leaves free. */
export function parametersOf(dataset: Dataset): number {
  return dataset.columns.length + 4
}

/**
 * `unnest($1::text[], ...) with ordinality as <alias> (...)`: the contract's columns, `_dx_xid`,
 * `_dx_deleted_at`, `_dx_extra`, and `n`, which counts from 1.
 */
export function arraysFrom(dataset: Dataset, alias: string): string {
  const { columns } = dataset
  const types = [...columns.map(({ type }) => type), 'xid8', 'timestamptz', 'jsonb']
  const arrays = types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')
  const names = columns.map(({ name }) => name).join(', ')
  return `unnest(${arrays}) with ordinality as ${alias}
    (${names}, _dx_xid, _dx_deleted_at, _dx_extra, n)`
}

/** The parameters of {@link arraysFrom}, in order. */
export function columnArrays(dataset: Dataset, rows: readonly AcceptedRow[]): string[] {
  return [
    ...dataset.columns.map(({ name, type }) =>
      arrayOf(rows, ({ row }) => row[name], BARE_TYPES.has(type)),
    ),
    arrayOf(rows, ({ xid }) => xid, true),
    arrayOf(rows, ({ deleted, capturedAt }) => (deleted ? capturedAt : null), true),
    arrayOf(rows, ({ extra }) => extra, false),
  ]
}

/** `<alias>.<name>, ...` for a list of columns. */
export function qualified(names: readonly string[], alias: string): string {
  return names.map((name) => `${alias}.${name}`).join(', ')
}

/**
 * `lateral (...)`: the stored row that has the primary key of `alias`, if there is one.
 *
 * Whatever PostgreSQL believes of orgs, it goes by the primary key. Told as `org_id = ... and
 * entity_id = ...`, it may as well go by an index of the org and read all that the org has: where
 * it has learned that every org has one row, both cost the same. So the last column of the key is a
 * range of one value, in an order that only the key has.
 */
export function storedRow({ name, primaryKey }: Dataset, alias: string): string {
  const conditions = primaryKey.map((column, part) =>
    part === primaryKey.length - 1
      ? `k.${column} >= ${alias}.${column} and k.${column} <= ${alias}.${column}`
      : `k.${column} = ${alias}.${column}`,
  )
  const order = `order by k.${primaryKey.at(-1)} limit 1`
  return `lateral (select k.* from hq.${name} as k where ${conditions.join(' and ')} ${order})`
}
