import { type Column, type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { lines } from './layout.ts'
import { sequenceSql } from './sequence-sql.ts'

const { escapeIdentifier, escapeLiteral } = pg

/** A contract column and the SQL that computes it, of the contract's type. */
export interface ProjectedColumn {
  readonly name: string
  readonly type: Column['type']
  readonly sql: string
}

/** How the row `r` of one source table becomes a row of one dataset. */
export interface Projection {
  readonly dataset: Dataset
  readonly columns: readonly ProjectedColumn[]
  /** Text of the contract key, values joined by `/`; also the key of `version_base`. */
  readonly key: string
  /** True where the row is under contract. */
  readonly filters: readonly string[]
}

/** Columns of `dx_entity_snapshots_v1` in its order, for one entity dataset. */
export type SnapshotProjection = readonly ProjectedColumn[]

function keySql(dataset: Dataset, columns: readonly ProjectedColumn[]): string {
  return dataset.primaryKey
    .map((name) => columns.find((column) => column.name === name))
    .map((column) => `${column?.sql}::text`)
    .join(` || '/' || `)
}

/**
 * SQL that is true once a row of `alias` has ended, for datasets that are exported at their end.
 */
export function terminalSql({ terminal }: BoundDataset, alias: string): string | undefined {
  if (terminal === undefined) return undefined
  const values = terminal.values.map(escapeLiteral).join(', ')
  return `${alias}.${escapeIdentifier(terminal.column)} in (${values})`
}

/**
 * The contract row of `r`. View and triggers are generated from this one place: what a trigger
 * captures and what the view shows of the same row version are equal, column by column.
 * @param versionSql exported version of `r`; only upsert datasets have one.
 */
export function projectionOf(bound: BoundDataset, versionSql: string): Projection {
  const dataset: Dataset = datasetByName(bound.dataset)
  const columns = dataset.columns.map(({ name, type }): ProjectedColumn => {
    if (name === 'export_schema_version')
      return { name, type, sql: `${escapeLiteral(dataset.schemaVersion)}::text` }
    if (name === dataset.versionColumn) return { name, type, sql: versionSql }
    if (name === bound.sequence?.column)
      return { name, type, sql: `(${sequenceSql(bound, bound.sequence)})::${type}` }
    const expression = bound.columns[name] ?? `r.${escapeIdentifier(name)}`
    return { name, type, sql: `(${expression})::${type}` }
  })
  const filters = [bound.filter && `(${bound.filter})`, terminalSql(bound, 'r')]
  return {
    dataset,
    columns,
    key: keySql(dataset, columns),
    filters: filters.filter((filter) => filter !== undefined),
  }
}

/**
 * The payload as it may leave: where the binding says so, without the keys that neither the
 * contract nor the binding names.
 */
export function payloadSql(bound: BoundDataset, payload: string): string {
  const extra = bound.snapshot?.payloadKeys
  if (extra === undefined) return `(${payload})::jsonb`
  const dataset: Dataset = datasetByName(bound.dataset)
  const names = [...dataset.columns.map(({ name }) => name), ...extra].map(escapeLiteral)
  return `hq_export.allowed_payload((${payload})::jsonb, array[
${lines(names)}
])`
}

/** `company` or `person`: the entity kind of an entity dataset, from its contract name. */
export function entityTypeOf(dataset: Dataset): string {
  return dataset.name.replace(/^dx_(\w+)_entities_v1$/, '$1')
}

/** SQL of the deterministic snapshot id of an exported version. */
export function snapshotIdSql({ dataset, columns }: Projection, versionSql: string): string {
  const value = (name: string): string | undefined =>
    columns.find((column) => column.name === name)?.sql
  const entityType = escapeLiteral(entityTypeOf(dataset))
  const values = [`${value('org_id')}`, entityType, `${value('entity_id')}`, versionSql]
  return `hq_export.snapshot_id(\n${lines(values)}\n)`
}

/**
 * The row of `dx_entity_snapshots_v1` that belongs to the exported version of `r`, if the binding
 * has one.
 */
export function snapshotProjectionOf(
  bound: BoundDataset,
  projection: Projection,
  sql: { version: string; snapshotId: string },
): SnapshotProjection | undefined {
  const { snapshot } = bound
  if (snapshot === undefined) return undefined
  const entity = (name: string): string =>
    projection.columns.find((column) => column.name === name)?.sql ?? 'null'
  const expressions: Readonly<Record<string, string>> = {
    export_schema_version: entity('export_schema_version'),
    snapshot_id: sql.snapshotId,
    org_id: entity('org_id'),
    entity_type: `${escapeLiteral(entityTypeOf(projection.dataset))}::text`,
    entity_id: entity('entity_id'),
    record_version: sql.version,
    canonical_payload_json: payloadSql(bound, snapshot.payload),
    captured_at: `(${snapshot.capturedAt})::timestamptz`,
    source_run_id: `(${snapshot.sourceRunId})::uuid`,
  }
  const dataset: Dataset = datasetByName(SNAPSHOTS_DATASET)
  return dataset.columns.map(({ name, type }) => {
    const expression = expressions[name]
    // An additive column of the contract that this generator was not taught yet.
    return { name, type, sql: expression ?? `null::${type}` }
  })
}
