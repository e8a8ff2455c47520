import { DATASETS, type Dataset } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '@hq-export/outbox-relay/binding/binding-schema.ts'
import { entityTypeOf } from '@hq-export/outbox-relay/binding/projection/projection.ts'
import pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'
import type { SnapshotEntity } from './read-source-version.ts'

/** What HQ's own columns say of a row; none of its values. */
export interface HqRow {
  /** Null in append-only datasets. */
  readonly version: string | null
  readonly orgId: string
  readonly source: string
  /** That brought this state. */
  readonly batch: string
  readonly ingestedAt: string
  readonly deletedAt: string | null
  /** In which the batch was applied; null where that is not known any more, or never was. */
  readonly traceId: string | null
  /** Columns that were sent and that HQ does not know yet. */
  readonly hasExtra: boolean
}

/** A version of an entity that HQ has as a snapshot. */
export interface HqVersion {
  readonly version: string
  readonly id: string
  readonly capturedAt: string
  readonly ingestedAt: string
  readonly source: string
  readonly batch: string
  readonly traceId: string | null
}

/** A row in HQ, and the versions that there were of it. */
export interface InHq {
  readonly row: HqRow | undefined
  /** Newest first; of entities alone. */
  readonly versions: readonly HqVersion[]
  /** There are older ones. */
  readonly hasMore: boolean
}

export const MAX_VERSIONS = 50

/** The batch of a row `r`: one probe of an index in every month that is kept. */
const BATCH_OF = `left join lateral (
  select b.trace_id from ingest.batch b
  where b.source = r._dx_source and b.batch = r._dx_batch
  order by b.received_at desc limit 1
) b on true`

const tableOf = (name: string): string => `hq.${pg.escapeIdentifier(name)}`

function rowStatement({ name, columns, primaryKey, versionColumn }: Dataset): string {
  const typeOf = (column: string) => columns.find((known) => known.name === column)?.type ?? 'text'
  const key = primaryKey.map((column, index) => `r.${column} = $${index + 1}::${typeOf(column)}`)
  const version =
    name === SNAPSHOTS_DATASET ? 'r.record_version' : versionColumn && `r.${versionColumn}`
  return `select ${version ?? 'null'}::text as version, r.org_id::text as "orgId",
  r._dx_source as source, r._dx_batch as batch, ${instantSql('r._dx_ingested_at')} as "ingestedAt",
  ${instantSql('r._dx_deleted_at')} as "deletedAt", b.trace_id as "traceId",
  r._dx_extra is not null as "hasExtra"
from ${tableOf(name)} r ${BATCH_OF} where ${key.join(' and ')}`
}

// By the unique constraint of the snapshots.
const VERSIONS = `
select r.record_version::text as version, r.snapshot_id::text as id,
  coalesce(${instantSql('r.captured_at')}, r.captured_at::text) as "capturedAt",
  ${instantSql('r._dx_ingested_at')} as "ingestedAt", r._dx_source as source, r._dx_batch as batch,
  b.trace_id as "traceId"
from (
  select * from ${tableOf(SNAPSHOTS_DATASET)} s
  where s.org_id = $1::uuid and s.entity_type = $2 and s.entity_id = $3::uuid
  order by s.record_version desc limit ${MAX_VERSIONS + 1}
) r ${BATCH_OF}
order by r.record_version desc`

/** Reads HQ's own columns of a row. @param key as many values as the dataset's key has. */
export async function readOwnColumns(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<HqRow | undefined> {
  return (await client.query<HqRow>(rowStatement(dataset), key.split('/'))).rows[0]
}

/** The same, and which versions there were. */
export async function readHqRow(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<InHq> {
  const row = await readOwnColumns(client, dataset, key)
  if (dataset.versionColumn === undefined) return { row, versions: [], hasMore: false }
  const [orgId, entityId] = key.split('/')
  const found = await client.query<HqVersion>(VERSIONS, [orgId, entityTypeOf(dataset), entityId])
  const versions = found.rows.slice(0, MAX_VERSIONS)
  return { row, versions, hasMore: found.rows.length > MAX_VERSIONS }
}

const ENTITY = `
select org_id::text as "orgId", entity_type as "entityType", entity_id::text as "entityId",
  record_version::text as version
from ${tableOf(SNAPSHOTS_DATASET)} where snapshot_id = $1::uuid`

interface EntityColumns {
  readonly orgId: string
  readonly entityType: string
  readonly entityId: string
  readonly version: string
}

/** The entity that a snapshot is of; undefined where HQ does not have the snapshot. */
export async function readEntityOf(
  client: pg.ClientBase,
  snapshotId: string,
): Promise<SnapshotEntity | undefined> {
  const [found] = (await client.query<EntityColumns>(ENTITY, [snapshotId])).rows
  if (found === undefined) return undefined
  const { orgId, entityType, entityId, version } = found
  const dataset = DATASETS.find(
    (dataset: Dataset) =>
      dataset.versionColumn !== undefined && entityTypeOf(dataset) === entityType,
  )
  return dataset && { dataset, key: `${orgId}/${entityId}`, version }
}
