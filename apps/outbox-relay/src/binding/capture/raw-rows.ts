import { type Dataset, datasetByName } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '../binding-schema.ts'

/** Where the rows of a firing come from when they have to be kept raw. */
export type RawRows =
  | { readonly kind: 'transition'; readonly table: 'n' | 'o' }
  | { readonly kind: 'record'; readonly record: 'new' | 'old' }
  | { readonly kind: 'table' }
  /** Versions of the past; the raw row says of which dataset, and as which exported version. */
  | { readonly kind: 'versions'; readonly of: 'old' | 'table' }
  | { readonly kind: 'none' }

const SNAPSHOTS = datasetByName(SNAPSHOTS_DATASET).number
/** Variable of a capture function: exported version of a row that is replaced. */
export const VERSION = 'v_version'

/** Number of the dataset that the rows of a firing belong to. */
export function rawNumber({ number }: Dataset, { kind }: RawRows): number {
  return kind === 'versions' ? SNAPSHOTS : number
}

/**
 * Table that fires, quoted. Not `tg_relid::regclass`: that looks into the catalog, under a lock.
 */
const TABLE = `quote_ident(tg_table_schema) || '.' || quote_ident(tg_table_name)`

/**
 * JSON text of a version that could not be projected: its dataset, its exported version (null where
 * that is not known), its row.
 */
function rawVersion(dataset: string, version: string, row: string): string {
  return `json_build_object('dataset', '${dataset}', 'version', ${version}, 'row', row_to_json(${row}))::text`
}

/**
 * plpgsql that keeps the raw rows of a firing that failed with `v_sqlstate`. Dynamic on purpose: it
 * runs only after the static insert has failed, and keeps every function a third shorter.
 */
export function insertRaw(dataset: Dataset, isDeleted: boolean, rows: RawRows): string {
  const { name } = dataset
  const number = rawNumber(dataset, rows)
  const insert = `insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)`
  const values = `${number}, ${isDeleted}, $1, hq_export.current_traceparent()`
  const current = `coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)`
  switch (rows.kind) {
    case 'transition':
      return `execute format('${insert} select ${values}, row_to_json(r)::text from ${rows.table} r',
        ${current}) using v_sqlstate;`
    case 'record':
      return `execute format('${insert} values (${values}, $2)',
        ${current}) using v_sqlstate, row_to_json(${rows.record})::text;`
    case 'table':
      return `execute format('${insert} select ${values}, row_to_json(r)::text from only %s r',
        ${current}, ${TABLE}) using v_sqlstate;`
    case 'versions':
      return rows.of === 'old'
        ? `execute format('${insert} values (${values}, $2)',
        ${current}) using v_sqlstate, ${rawVersion(name, `${VERSION}::text`, 'old')};`
        : `execute format($raw$${insert} select ${values}, ${rawVersion(name, 'null', 'r')} from only %s r$raw$,
        ${current}, ${TABLE}) using v_sqlstate;`
    case 'none':
      return `insert into hq_export.capture_gap (dataset, operation) values (${number}, 'late');`
  }
}
