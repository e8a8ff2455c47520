import { type ColumnType, columnOf, type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { entityTypeOf, type ProjectedColumn } from '../binding/projection/projection.ts'
import { viewColumns, viewName } from '../binding/projection/view-sql.ts'
import type { Pass } from './pass.ts'

const { escapeIdentifier, escapeLiteral } = pg

const NIL_UUID = '00000000-0000-0000-0000-000000000000'
/** Key of `version_base` as a column of the relation of deletes. */
const DELETED_KEY = '_key'

/**
 * Rows of one dataset that a pass yields from the row `v` of its relation: one, or those of `from`.
 */
export interface PassOutput {
  readonly dataset: Dataset
  /** SQL over `v`, or over `s` where `from` is given. */
  readonly columns: readonly ProjectedColumn[]
  readonly deleted: boolean
  /** Relation `s` that has the rows of `v`; found by an index, whatever its size. */
  readonly from?: {
    readonly sql: string
    readonly condition: string
    /**
     * Column of `s` that decides whether a row of it is wanted; the pass looks at `v` by its key
     * alone then.
     */
    readonly timeSql?: string
  }
}

/** What a pass reads, as SQL over the alias `v`. */
export interface PassRelation {
  readonly sql: string
  /** Unique, and the order of an index, so that the next rows after a key are a range of it. */
  readonly key: readonly { readonly name: string; readonly type: ColumnType }[]
  readonly outputs: readonly PassOutput[]
  /**
   * The contract's time column: created_at or updated_at windows of a backfill. Absent where an
   * output decides by itself.
   */
  readonly timeSql?: string
  readonly orgSql: string
}

const column = (name: string, alias = 'v'): string => `${alias}.${escapeIdentifier(name)}`

function ownOutput(dataset: Dataset, deleted: boolean): PassOutput {
  return { dataset, columns: viewColumns(dataset, 'v'), deleted }
}

/**
 * The entity's view has what its snapshot row has beyond its own under names that begin with `_`.
 */
function snapshotOutput(entity: Dataset): PassOutput {
  const dataset: Dataset = datasetByName(SNAPSHOTS_DATASET)
  const isShared = (name: string) => entity.columns.some((candidate) => candidate.name === name)
  const columns = dataset.columns.map(({ name, type }) => ({
    name,
    type,
    sql: column(isShared(name) ? name : `_${name}`),
  }))
  return { dataset, columns, deleted: false }
}

/** Every version of an entity that the view of the snapshots has. */
function historyOutput(entity: Dataset, isOnly: boolean): PassOutput {
  const dataset: Dataset = datasetByName(SNAPSHOTS_DATASET)
  const condition = [
    `s.entity_type = ${escapeLiteral(entityTypeOf(entity))}`,
    ...entity.primaryKey.map((name) => `${column(name, 's')} = ${column(name)}`),
  ].join(' and ')
  const timeSql = isOnly ? { timeSql: column(dataset.timeColumn, 's') } : {}
  return {
    dataset,
    columns: viewColumns(dataset, 's'),
    deleted: false,
    from: { sql: viewName(dataset.name), condition, ...timeSql },
  }
}

function viewRelation({ kind, snapshots }: Pass, dataset: Dataset): PassRelation {
  const relation = {
    sql: viewName(dataset.name),
    key: dataset.primaryKey.map((name) => ({ name, type: columnOf(dataset, name).type })),
    orgSql: column('org_id'),
  }
  const own = ownOutput(dataset, false)
  const timeSql = column(dataset.timeColumn)
  if (kind === 'rows') {
    switch (snapshots) {
      case 'none':
        return { ...relation, outputs: [own], timeSql }
      case 'current':
        return { ...relation, outputs: [own, snapshotOutput(dataset)], timeSql }
      case 'all':
        return { ...relation, outputs: [own, historyOutput(dataset, false)], timeSql }
    }
  }
  if (snapshots === 'all') return { ...relation, outputs: [historyOutput(dataset, true)] }
  const capturedAt = column(`_${datasetByName(SNAPSHOTS_DATASET).timeColumn}`)
  return { ...relation, outputs: [snapshotOutput(dataset)], timeSql: capturedAt }
}

/**
 * What is left to say of a deleted key: version and moment of the delete, and whatever the contract
 * wants not null.
 */
function deletedValue(dataset: Dataset, name: string): string {
  const { type, nullable } = columnOf(dataset, name)
  const keyPart = dataset.primaryKey.indexOf(name) + 1
  if (name === 'export_schema_version') return escapeLiteral(dataset.schemaVersion)
  if (keyPart > 0) return `pg_catalog.split_part(b.key, '/', ${keyPart})`
  if (name === dataset.versionColumn) return 'b.base'
  if (name === dataset.timeColumn) return 'b.deleted_at'
  if (nullable) return 'null'
  if (type === 'uuid') return escapeLiteral(NIL_UUID)
  throw new TypeError(`${dataset.name}.${name} is not null, and a delete has no value for it`)
}

function deletesRelation(dataset: Dataset, deletedBefore: string | undefined): PassRelation {
  const columns = dataset.columns.map(
    ({ name, type }) => `(${deletedValue(dataset, name)})::${type} as ${escapeIdentifier(name)}`,
  )
  const before =
    deletedBefore === undefined
      ? ''
      : ` and b.deleted_at < ${escapeLiteral(deletedBefore)}::timestamptz`
  return {
    sql: `(
  select b.key as ${DELETED_KEY}, ${columns.join(', ')}
  from hq_export.version_base b
  where b.dataset = ${dataset.number} and b.deleted_at is not null${before}
)`,
    key: [{ name: DELETED_KEY, type: 'text' }],
    outputs: [ownOutput(dataset, true)],
    timeSql: column(dataset.timeColumn),
    orgSql: column('org_id'),
  }
}

/**
 * Where a pass reads, in which order, and what becomes of a row.
 * @param deletedBefore leaves out what was deleted later: such a delete is on its way as a live
 * change, and that one still has the last state of the entity.
 */
export function relationOf(pass: Pass, deletedBefore?: string): PassRelation {
  const dataset = datasetByName(pass.dataset)
  switch (pass.kind) {
    case 'rows':
    case 'snapshots':
      return viewRelation(pass, dataset)
    case 'deletes':
      return deletesRelation(dataset, deletedBefore)
    default:
      return pass.kind satisfies never
  }
}
