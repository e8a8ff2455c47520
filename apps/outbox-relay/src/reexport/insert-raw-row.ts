import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { captureSelect, OUTBOX_COLUMNS, outboxSelect } from '../binding/capture/capture-select.ts'
import { insertDeleted } from '../binding/capture/capture-statement.ts'
import { entityTypeOf, projectionOf } from '../binding/projection/projection.ts'
import { currentOutbox } from './insert-export-row.ts'
import type { RawSource } from './raw-source.ts'
import { selectRows } from './read-source-row.ts'

/** The contract key of a raw row, joined by `/`; null where a column of it is NULL or missing. */
export async function keyOfRawRow(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  raw: string,
): Promise<string | null> {
  const { key } = projectionOf(bound, 'null::bigint')
  const { rows } = await client.query<{ key: string | null }>(
    `select ${key} as key from ${source.sql}`,
    [raw],
  )
  return rows[0]?.key ?? null
}

/**
 * Captures raw rows of an append-only dataset by the very SQL that their trigger failed to run, in
 * the open transaction.
 */
export async function insertRawRows(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  raw: string,
): Promise<number> {
  const table = `hq_export.outbox_${await currentOutbox(client)}`
  const select = captureSelect(bound, 'current', source.sql)
  const insert = `insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', `(${select})`)}`
  return (await client.query(insert, [raw])).rowCount ?? 0
}

/**
 * Captures a raw row by the very SQL that its trigger failed to run, in the open transaction. A
 * deleted one leaves its version as the base of its key, as the trigger would have.
 * @param letter its raw row as the only one of a JSON array.
 * @returns rows that went into the outbox: none where the row is not under contract.
 */
export async function insertRawRow(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  letter: { readonly raw: string; readonly deleted: boolean },
): Promise<number> {
  if (!letter.deleted) return insertRawRows(client, bound, source, letter.raw)
  const table = `hq_export.outbox_${await currentOutbox(client)}`
  const insert = insertDeleted(bound, table, source.sql)
  return (await client.query(insert, [letter.raw])).rowCount ?? 0
}

/**
 * Captures the entities of raw rows as the source has them now, and their snapshots, in the open
 * transaction; takes no lock on a key.
 * @returns entities that the source has.
 */
export async function insertCurrentRows(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  raw: string,
): Promise<number> {
  const table = `hq_export.outbox_${await currentOutbox(client)}`
  const entity: Dataset = datasetByName(bound.dataset)
  const { columns } = projectionOf(bound, 'null::bigint')
  const keys = columns.filter(({ name }) => entity.primaryKey.includes(name))
  const list = keys.map(({ name, sql }) => `${sql} as ${pg.escapeIdentifier(name)}`).join(', ')
  const matches = keys
    .map(({ name }) => pg.escapeIdentifier(name))
    .map((name) => `v.${name} = k.${name}`)
  const insertFrom = async (dataset: Dataset, conditions: readonly string[]): Promise<number> => {
    // The lateral subquery stays one index look-up per key.
    const { rowCount } = await client.query(
      `insert into ${table} (${OUTBOX_COLUMNS})
select ${dataset.number}, v.version::bigint, false, v.key, hq_export.current_traceparent(), v.body
from (select distinct ${list} from ${source.sql}) k
cross join lateral (${selectRows(dataset, conditions)} offset 0) v`,
      [raw],
    )
    return rowCount ?? 0
  }
  const count = await insertFrom(entity, matches)
  if (bound.snapshot === undefined) return count
  const entityType = pg.escapeLiteral(entityTypeOf(entity))
  await insertFrom(datasetByName(SNAPSHOTS_DATASET), [...matches, `v.entity_type = ${entityType}`])
  return count
}
