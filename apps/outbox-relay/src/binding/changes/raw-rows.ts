import { type Dataset, datasetByName } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { indent } from '../projection/layout.ts'

/** Where the rows of a firing come from when they have to be kept raw. */
export type RawRows =
  | { readonly kind: 'transition'; readonly table: 'n' | 'o' }
  | { readonly kind: 'record'; readonly record: 'new' | 'old' }
  | { readonly kind: 'table' }
  /** Versions of the past; the raw row says of which dataset, and as which exported version. */
  | { readonly kind: 'versions'; readonly of: 'old' | 'table' }
  /** There are none to keep: a gap of this operation says that something is missing. */
  | { readonly kind: 'none'; readonly operation: string }

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
  return `json_build_object(
  'dataset', '${dataset}', 'version', ${version}, 'row', hq_export.raw_row(${row})
)::text`
}

/**
 * plpgsql that keeps the raw rows of a firing that failed with `v_sqlstate`. Dynamic on purpose: it
 * runs only after the static insert has failed, and keeps every function a third shorter.
 */
export function insertRaw(dataset: Dataset, isDeleted: boolean, rows: RawRows): string {
  const { name } = dataset
  const number = rawNumber(dataset, rows)
  const values = `${number}, ${isDeleted}, $1, hq_export.current_traceparent()`
  const insert = (source: string, table = '', using = ''): string => `execute format(
  $raw$
    insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
${indent(source, 4)}
  $raw$,
  coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)${table}
) using v_sqlstate${using};`
  switch (rows.kind) {
    case 'transition':
      return insert(`select ${values}, hq_export.raw_row(r)::text\nfrom ${rows.table} r`)
    case 'record':
      return insert(`values (${values}, $2)`, '', `, hq_export.raw_row(${rows.record})::text`)
    case 'table':
      return insert(`select ${values}, hq_export.raw_row(r)::text\nfrom only %s r`, `,\n  ${TABLE}`)
    case 'versions':
      return rows.of === 'old'
        ? insert(`values (${values}, $2)`, '', `, ${rawVersion(name, `${VERSION}::text`, 'old')}`)
        : insert(
            `select ${values}, ${rawVersion(name, 'null', 'r')}\nfrom only %s r`,
            `,\n  ${TABLE}`,
          )
    case 'none':
      return `insert into hq_export.capture_gap (dataset, operation)
values (${number}, '${rows.operation}');`
  }
}
