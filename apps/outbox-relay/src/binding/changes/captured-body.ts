import { createHash } from 'node:crypto'
import type { ColumnType } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { lines } from '../projection/layout.ts'
import type { ProjectedColumn } from '../projection/projection.ts'
import { wireBodySql, wireSql } from '../projection/wire-body.ts'

/*
 * The JSON of a captured row is that of a row of a composite type: an expression, where a
 * sub-select would be started anew for each row (6 us of 45 of a capture, measured).
 */

/** A dataset whose captures are generated. */
export type CapturedDataset = BoundDataset & {
  /**
   * True where its functions set TimeZone to UTC; false where they print times without. Absent: the
   * SQL runs in a session of ours, and not in a capture.
   */
  readonly setsTimeZone?: boolean
  /**
   * Set where captures fire for each row instead of each statement (see `changedRows`), of a table
   * that is partitioned or not. Absent: for each statement.
   */
  readonly rowForm?: 'plain' | 'partitioned'
}

/** A composite type whose fields are the columns of a dataset, as JSON has them. */
export interface BodyType {
  /** `hq_export."body_<dataset>_<hash of its fields>"`: other fields are another type. */
  readonly name: string
  readonly sql: string
}

/** Start of the names of these types. */
export const BODY_TYPE_PREFIX = 'body_dx_'

/** Type and SQL of the field of a column. */
function field(
  { type, sql }: ProjectedColumn,
  setsTimeZone: boolean,
): { readonly type: ColumnType; readonly sql: string } {
  if (type === 'timestamptz')
    return setsTimeZone ? { type, sql } : { type: 'text', sql: `hq_export.utc_text(${sql})` }
  // A uuid is printed like its text, and a cast is two steps that every capture sets up anew.
  if (type === 'uuid' || type === 'int4' || type === 'boolean') return { type, sql }
  return { type: 'text', sql: wireSql(type, sql) }
}

/** The type of the bodies of a dataset. */
export function bodyType(
  dataset: string,
  columns: readonly ProjectedColumn[],
  setsTimeZone: boolean,
): BodyType {
  const fields = columns.map(
    (column) => `${pg.escapeIdentifier(column.name)} ${field(column, setsTimeZone).type}`,
  )
  const hash = createHash('sha256').update(fields.join()).digest('hex').slice(0, 8)
  const name = `hq_export.${pg.escapeIdentifier(`body_${dataset}_${hash}`)}`
  return { name, sql: `create type ${name} as (\n${lines(fields)}\n)` }
}

/** SQL of the JSON text of one contract row: byte for byte that of `wireBodySql`. */
export function capturedBody(
  { setsTimeZone }: CapturedDataset,
  dataset: string,
  columns: readonly ProjectedColumn[],
): string {
  if (setsTimeZone === undefined) return wireBodySql(columns)
  const values = columns.map((column) => field(column, setsTimeZone).sql)
  const { name } = bodyType(dataset, columns, setsTimeZone)
  return `row_to_json(row(\n${lines(values)}\n)::${name})::text`
}
