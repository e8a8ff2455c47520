import type pg from 'pg'
import type { BoundDataset } from '../binding/binding-schema.ts'
import { captureSelect, OUTBOX_COLUMNS, outboxSelect } from '../binding/capture-select.ts'
import { insertDeleted } from '../binding/capture-statement.ts'
import { projectionOf } from '../binding/projection.ts'
import { currentOutbox } from './insert-export-row.ts'
import type { RawSource } from './raw-source.ts'

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
 * Captures a raw row by the very SQL that its trigger failed to run, in the open transaction. A deleted one leaves its version
 * as the base of its key, as the trigger would have.
 * @returns rows that went into the outbox: none where the row is not under contract.
 */
export async function insertRawRow(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  letter: { readonly raw: string; readonly deleted: boolean },
): Promise<number> {
  const table = `hq_export.outbox_${await currentOutbox(client)}`
  const insert = letter.deleted
    ? insertDeleted(bound, table, source.sql)
    : `insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', `(${captureSelect(bound, 'current', source.sql)})`)}`
  return (await client.query(insert, [letter.raw])).rowCount ?? 0
}
