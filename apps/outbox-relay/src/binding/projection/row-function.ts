import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { BODY_QUOTE } from '../binding-values.ts'
import type { SourceColumn, SourceTable } from '../source-table.ts'
import { lines } from './layout.ts'
import { terminalSql } from './projection.ts'

const { escapeIdentifier } = pg

/** A generated function that names the columns of a source row for a view. */
export interface RowFunction {
  /** Name and argument, as DROP and GRANT want it. */
  readonly signature: string
  readonly sql: string
}

/** `hq_export.row_<dataset>`. */
export function rowFunctionName(dataset: string): string {
  return `hq_export.${escapeIdentifier(`row_${dataset}`)}`
}

/** Everything in a binding that may name a column of `r`. */
function textOf(bound: BoundDataset): string {
  const { columns } = datasetByName(bound.dataset)
  const unmapped = columns.map(({ name }) => name).filter((name) => !(name in bound.columns))
  const { payload = '', capturedAt = '', sourceRunId = '' } = bound.snapshot ?? {}
  return [
    ...Object.values(bound.columns),
    ...unmapped.map(escapeIdentifier),
    ...[...bound.key, bound.version ?? ''].map(escapeIdentifier),
    bound.filter ?? '',
    terminalSql(bound, 'r') ?? '',
    payload,
    capturedAt,
    sourceRunId,
    bound.joins ?? '',
    JSON.stringify([bound.settle, bound.sequence]),
  ].join(' ')
}

/**
 * Columns that the expressions may read: all that they mention by name, wherever. One too many
 * costs no more than a view that has to be bound again after a column has gone which it did not
 * need.
 */
function mentionedColumns(bound: BoundDataset, columns: readonly SourceColumn[]): SourceColumn[] {
  const text = textOf(bound).replaceAll('""', '"').toLowerCase()
  // The row as a whole (r, r.*), or names written as code points.
  if (/\br\b(?!\s*\.)|\br\s*\.\s*\*|\bu&"/.test(text)) return [...columns]
  const words = new Set(text.split(/[^a-z0-9_$]+/))
  return columns.filter(({ name }) => {
    const lower = name.toLowerCase()
    return /^[a-z0-9_$]+$/.test(lower) ? words.has(lower) : text.includes(lower)
  })
}

/**
 * The columns of a source row that a view needs, by a function of the whole row. A view that named
 * them itself would make the application's ALTER TABLE ... DROP COLUMN and ALTER COLUMN ... TYPE
 * fail. A function whose body is text depends on no column; only whoever reads the view after such
 * a change is told, until the next `bind`.
 *
 * The planner inlines it (one SELECT, stable, neither SECURITY DEFINER nor SET), so that index
 * scans, keyset reads and the rights of the view's owner stay what they are without it.
 */
export function rowFunction(bound: BoundDataset, source: SourceTable): RowFunction {
  const name = rowFunctionName(bound.dataset)
  const columns = mentionedColumns(bound, source.columns)
  const list = (item: (column: SourceColumn, identifier: string) => string): string =>
    lines(columns.map((column) => item(column, escapeIdentifier(column.name))))
  const table = bound.table.split('.').map(escapeIdentifier).join('.')
  return {
    signature: `${name}(${table})`,
    sql: `create function ${name}(r ${table})
returns table (
${list(({ type }, column) => `${column} ${type}`)}
)
language sql stable parallel safe
as ${BODY_QUOTE}
select
${list(({ type }, column) => `(r).${column}::${type}`)}
${BODY_QUOTE}`,
  }
}
