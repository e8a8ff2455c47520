import type pg from 'pg'
import type { BoundDataset } from '../binding/binding-schema.ts'
import { captureSelect, outboxSelect } from '../binding/capture/capture-select.ts'
import { insertDeleted } from '../binding/capture/capture-statement.ts'
import { projectionOf } from '../binding/projection/projection.ts'
import { currentOutboxName } from '../outbox/outbox-tables.ts'
import { insertSelected } from './insert-export-row.ts'
import type { RawSource } from './raw-source.ts'

/**
 * The contract keys of raw rows, joined by `/`, each once. Of a row of which a column of the key is
 * NULL or missing there is none.
 */
export async function keysOfRawRows(
  client: pg.ClientBase,
  bound: BoundDataset,
  source: RawSource,
  raw: string,
): Promise<string[]> {
  const { key } = projectionOf(bound, 'null::bigint')
  const { rows } = await client.query<{ key: string | null }>(
    `select distinct ${key} as key from ${source.sql}`,
    [raw],
  )
  return rows.flatMap((row) => row.key ?? [])
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
  const select = captureSelect(bound, 'current', source.sql)
  return insertSelected(client, outboxSelect(bound, 'current', `(${select})`), [raw])
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
  const insert = insertDeleted(bound, await currentOutboxName(client), source.sql)
  return (await client.query(insert, [letter.raw])).rowCount ?? 0
}
