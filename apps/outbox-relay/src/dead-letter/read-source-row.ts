import { type Dataset, ENTITY_TYPES } from '@hq-export/contract'
import pg from 'pg'
import { viewName } from '../binding/view-sql.ts'
import { wireBodySql } from '../binding/wire-body.ts'

/** A contract row as the source has it now. */
export interface SourceRow {
  readonly key: string
  /** Exported version; null for append-only datasets. */
  readonly version: string | null
  /** JSON text, byte for byte what a capture trigger would write. */
  readonly body: string
}

/** SQL of rows of the projection view `v`, each as a {@link SourceRow}. */
export function selectRows(dataset: Dataset, conditions: readonly string[]): string {
  const column = (name: string): string => `v.${pg.escapeIdentifier(name)}`
  const body = wireBodySql(
    dataset.columns.map(({ name, type }) => ({ name, type, sql: column(name) })),
  )
  const key = dataset.primaryKey.map((name) => `${column(name)}::text`).join(` || '/' || `)
  const version =
    dataset.versionColumn === undefined ? 'null' : `${column(dataset.versionColumn)}::text`
  return `select ${key} as key, ${version} as version, ${body} as body
from ${viewName(dataset.name)} v
where ${conditions.join(' and ')}`
}

/**
 * Reads a row from the projection view by its contract key: an index look-up where the key is one of the source's.
 * @returns undefined where the source has no such row (any more), or it is not under contract.
 */
export async function readSourceRow(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<SourceRow | undefined> {
  // Every key of the contract is made of uuids, which hold no slash.
  const values = key.split('/')
  const conditions = dataset.primaryKey.map((name, index) => {
    const type = dataset.columns.find((column) => column.name === name)?.type ?? 'text'
    return `v.${pg.escapeIdentifier(name)} = $${index + 1}::${type}`
  })
  if (values.length !== conditions.length) return undefined
  return (await client.query<SourceRow>(selectRows(dataset, conditions), values)).rows[0]
}

/** Reads the rows of `dx_entity_snapshots_v1` that belong to the current version of an entity. */
export async function readSnapshotRows(
  client: pg.ClientBase,
  snapshots: Dataset,
  entity: Dataset,
  key: string,
): Promise<SourceRow[]> {
  const entityType = ENTITY_TYPES.find((type) => entity.name === `dx_${type}_entities_v1`)
  const [orgId, entityId] = key.split('/')
  const select = selectRows(snapshots, [
    'v.org_id = $1::uuid',
    'v.entity_id = $2::uuid',
    'v.entity_type = $3',
  ])
  return (await client.query<SourceRow>(select, [orgId, entityId, entityType])).rows
}
