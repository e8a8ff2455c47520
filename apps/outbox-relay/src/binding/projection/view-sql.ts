import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { type SourceTable, tableSql } from '../source-table.ts'
import { historySelect } from './history-sql.ts'
import { joinsSql } from './joins.ts'
import { lines, whereSql } from './layout.ts'
import {
  type ProjectedColumn,
  projectionOf,
  snapshotIdSql,
  snapshotProjectionOf,
} from './projection.ts'
import { type RowFunction, rowFunction, rowFunctionName } from './row-function.ts'
import { isSettledSql } from './settled-sql.ts'

const { escapeIdentifier } = pg

/** Alias of the version base in a view; an expression over `r` has no reason to use it. */
const BASE = 'hq_export_base'
/** Alias of the source table in a view; `r` is what the row function makes of it. */
const ROW = 'hq_export_row'
/** Prefix of the columns that a view has beside the contract's. */
const EXTRA_PREFIX = '_'

/** A generated projection view. */
export interface GeneratedView {
  readonly name: string
  /**
   * Source table whose owner becomes the owner of the view; its RLS is then checked as that owner.
   */
  readonly table: string
  /** Created before the view, which reads its table through it. */
  readonly rowFunction?: RowFunction
  readonly sql: string
}

/** `hq_export.dx_..._v1` of a dataset. */
export function viewName(dataset: string): string {
  return `hq_export.${escapeIdentifier(dataset)}`
}

/** The contract's columns of a dataset as its view has them. */
export function viewColumns(dataset: Dataset, alias: string): ProjectedColumn[] {
  return dataset.columns.map(({ name, type }) => ({
    name,
    type,
    sql: `${alias}.${escapeIdentifier(name)}`,
  }))
}

function selectList(columns: readonly ProjectedColumn[]): string {
  return lines(columns.map(({ name, sql }) => `${sql} as ${escapeIdentifier(name)}`))
}

/** The contract rows of one source table as they are now. */
export function datasetView(bound: BoundDataset, source: SourceTable): GeneratedView {
  const version =
    bound.version === undefined
      ? ''
      : `hq_export.exported_version((r.${escapeIdentifier(bound.version)})::bigint, ${BASE}.base)`
  const projection = projectionOf(bound, version)
  const { dataset, filters } = projection
  const snapshot =
    snapshotProjectionOf(bound, projection, {
      version,
      snapshotId: snapshotIdSql(projection, version),
    }) ?? []
  // What a snapshot row has beyond its entity row, for the view of the snapshots.
  const extra = snapshot
    .filter(({ name }) => !dataset.columns.some((column) => column.name === name))
    .map((column) => ({ ...column, name: `${EXTRA_PREFIX}${column.name}` }))
  const base = `
left join hq_export.version_base ${BASE}
  on ${BASE}.dataset = ${dataset.number} and ${BASE}.key = ${projection.key}`
  const conditions = [...filters, ...settledConditions(bound, projection.key)]
  const joins = `${bound.version === undefined ? '' : base}${joinsSql(bound)}`
  const mark = bound.settle === undefined ? '' : LAST_MARK
  const rest = `${joins}${mark}${whereSql(conditions)}`
  return {
    name: dataset.name,
    table: bound.table,
    rowFunction: rowFunction(bound, source),
    sql: `create view ${viewName(dataset.name)} as
select
${selectList([...projection.columns, ...extra])}
from ${tableSql(bound.table)} ${ROW}
cross join lateral ${rowFunctionName(bound.dataset)}(${ROW}) r${rest}`,
  }
}

/** Alias of the mark up to which the settle list is exported. */
const MARK = 'hq_export_mark'
const LAST_MARK = `
cross join (
  select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
) ${MARK}`

/**
 * A view shows of a settling dataset what is exported, or was there before the capture, or was
 * never captured: nothing that may still change.
 */
function settledConditions(bound: BoundDataset, key: string): string[] {
  const { settle, dataset } = bound
  if (settle === undefined) return []
  return [
    `not exists (
    select from hq_export.settle p
    where p.dataset = ${datasetByName(dataset).number}
      and p.key = ${key}
      and not ${isSettledSql(MARK)}
  )`,
  ]
}

/**
 * SQL of the current version of every entity as its snapshot row, one select per entity dataset:
 * each base table is still read as its own owner.
 */
export function currentSnapshots(binding: Binding): string[] {
  const dataset: Dataset = datasetByName(SNAPSHOTS_DATASET)
  return snapshotSources(binding).map((bound) => {
    const entity = datasetByName(bound.dataset)
    const names = dataset.columns.map(({ name }) => {
      const isShared = entity.columns.some((column) => column.name === name)
      return isShared
        ? escapeIdentifier(name)
        : `${escapeIdentifier(`${EXTRA_PREFIX}${name}`)} as ${escapeIdentifier(name)}`
    })
    return `select\n${lines(names)}\nfrom ${viewName(bound.dataset)}`
  })
}

function snapshotSources({ datasets }: Binding): BoundDataset[] {
  return datasets.filter(({ snapshot }) => snapshot !== undefined)
}

/**
 * The current version of every entity, and older versions, where the binding names a history.
 */
export function snapshotsView(binding: Binding): GeneratedView | undefined {
  const sources = snapshotSources(binding)
  const [first] = sources
  if (first === undefined) return undefined
  const histories = sources.map(historySelect).filter((select) => select !== undefined)
  return {
    name: SNAPSHOTS_DATASET,
    table: first.table,
    sql:
      `create view ${viewName(SNAPSHOTS_DATASET)} as\n` +
      [...currentSnapshots(binding), ...histories].join('\nunion all\n'),
  }
}
