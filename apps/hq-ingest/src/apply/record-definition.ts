import type { Column, Dataset, WireRow } from '@hq-export/contract'
import type { AcceptedRow } from '../batch/batch-row.ts'

/*
 * Rows travel into a statement as one parameter: JSON text that json_to_recordset takes apart. One parameter, because a
 * statement takes 65,535 at most; `json`, because `jsonb` would be built only to be taken apart.
 */

/** Type of a column inside of the record: JSON arrives as a string that holds it, so it is cast afterwards. */
function recordType({ type }: Column): string {
  return type === 'jsonb' ? 'text' : type
}

/** `name type, ...` for json_to_recordset: the contract's columns, then ours. */
export function recordDefinition(dataset: Dataset): string {
  return [
    ...dataset.columns.map((column) => `${column.name} ${recordType(column)}`),
    '_dx_xid xid8',
    '_dx_deleted_at timestamptz',
    '_dx_extra text',
  ].join(', ')
}

/** Names of {@link recordDefinition}, for the alias. */
export function recordNames(dataset: Dataset): string {
  return [
    ...dataset.columns.map(({ name }) => name),
    '_dx_xid',
    '_dx_deleted_at',
    '_dx_extra',
  ].join(', ')
}

/** A column of record `alias` as its type in the table. */
export function tableValue({ name, type }: Column, alias: string): string {
  return type === 'jsonb' ? `${alias}.${name}::jsonb` : `${alias}.${name}`
}

/** The contract's columns of record `alias` with the types of the table. */
export function tableValues(dataset: Dataset, alias: string): string {
  return dataset.columns.map((column) => tableValue(column, alias)).join(', ')
}

function knownColumns(dataset: Dataset, row: WireRow): WireRow {
  return Object.fromEntries(dataset.columns.map(({ name }) => [name, row[name]]))
}

/** The one parameter. Unknown columns travel in `extra` alone, as the text that was sent. */
export function recordsOf(dataset: Dataset, rows: readonly AcceptedRow[]): string {
  return JSON.stringify(
    rows.map(({ row, xid, deleted, capturedAt, extra }) => ({
      ...(extra === null ? row : knownColumns(dataset, row)),
      _dx_xid: xid,
      _dx_deleted_at: deleted ? capturedAt : null,
      _dx_extra: extra,
    })),
  )
}
