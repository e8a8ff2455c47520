import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'

/** A version of an entity as its row of `dx_entity_snapshots_v1` has it. */
export interface PastVersion {
  readonly entity: Dataset
  readonly entityKey: string
  readonly entityType: string
  readonly version: bigint
  /** JSON text of the row. */
  readonly body: string
}

const SNAPSHOT_ID = /* sql */ `
select hq_export.snapshot_id(o.org_id, $2, o.entity_id, $3::bigint)::text as id
from (select pg_catalog.split_part($1, '/', 1)::uuid as org_id,
  pg_catalog.split_part($1, '/', 2)::uuid as entity_id) o`

/**
 * Reads what a row of `dx_entity_snapshots_v1` is about; every one of these columns travels as
 * text.
 */
export function pastVersion(body: string): PastVersion {
  const row: Record<'org_id' | 'entity_id' | 'entity_type' | 'record_version', string> =
    JSON.parse(body)
  return {
    entity: datasetByName(`dx_${row.entity_type}_entities_v1`),
    entityKey: `${row.org_id}/${row.entity_id}`,
    entityType: row.entity_type,
    version: BigInt(row.record_version),
    body,
  }
}

/**
 * Replaces a text column's value in the JSON text of a row, as `row_to_json` prints it; all else
 * stays as it was written. In a value the quotes would have a backslash before them.
 */
export function withColumn(body: string, column: string, value: string): string {
  return body.replace(new RegExp(`"${column}":"[^"]*"`), `"${column}":"${value}"`)
}

/** The same state as another version of its entity, under the id that follows from that. */
export async function renumbered(
  client: pg.ClientBase,
  past: PastVersion,
  version: bigint,
): Promise<{ readonly key: string; readonly body: string }> {
  const { entityKey, entityType, body } = past
  const values = [entityKey, entityType, String(version)]
  const key = (await client.query<{ id: string }>(SNAPSHOT_ID, values)).rows[0]?.id
  if (key === undefined) throw new Error('every version has an id')
  const moved = withColumn(body, 'record_version', String(version))
  return { key, body: withColumn(moved, 'snapshot_id', key) }
}
