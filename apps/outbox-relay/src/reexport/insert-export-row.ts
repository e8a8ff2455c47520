import type pg from 'pg'
import { OUTBOX_COLUMNS } from '../binding/capture/capture-select.ts'
import { currentOutboxName } from '../outbox/outbox-tables.ts'

/*
 * The one door by which rows enter the outbox beside the triggers, in the open transaction; the
 * relay delivers them when that has committed. Whoever read the number of a table that is not
 * current any more inserts there all the same: readers look into all three, and our lock keeps the
 * rotation from emptying it. xid, seq and captured_at are new, so the batch that carries the row is
 * too.
 */

/** A row on its way into the outbox once more. */
export interface ExportRow {
  /** Number of the dataset in the contract. */
  readonly dataset: number
  readonly key: string
  readonly version: string | null
  readonly deleted: boolean
  /** Trace context of the transaction that wrote the row first. */
  readonly traceparent: string | null
  readonly body: string
}

/** A key whose row cannot be projected. */
export interface FailedKey {
  readonly key: string
  readonly traceparent: string | null
  readonly sqlstate: string
}

// After the insert, as capture triggers do: a relay that arms the doorbell sees our lock or we see
// it armed.
const RING = /* sql */ `select hq_export.ring()`

/**
 * Puts the rows of a `select` of {@link OUTBOX_COLUMNS} into the outbox.
 * @returns how many they were.
 */
export async function insertSelected(
  client: pg.ClientBase,
  select: string,
  values: readonly unknown[],
): Promise<number> {
  const table = await currentOutboxName(client)
  const insert = `insert into ${table} (${OUTBOX_COLUMNS})\n${select}`
  return (await client.query(insert, [...values])).rowCount ?? 0
}

/** Puts one row into the outbox. */
export async function insertExportRow(client: pg.ClientBase, row: ExportRow): Promise<void> {
  const { dataset, version, deleted, key, traceparent, body } = row
  await insertSelected(client, 'values ($1, $2, $3, $4, $5, $6)', [
    dataset,
    version,
    deleted,
    key,
    traceparent,
    body,
  ])
}

/** Puts keys into the outbox as failed captures of which nothing is kept but the key. */
export async function insertFailedKeys(
  client: pg.ClientBase,
  dataset: number,
  keys: readonly FailedKey[],
): Promise<void> {
  const table = await currentOutboxName(client)
  await client.query(
    `insert into ${table} (dataset, key, traceparent, sqlstate)
select $1, f.*
from rows from (
  pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[])
) f`,
    [
      dataset,
      keys.map(({ key }) => key),
      keys.map(({ traceparent }) => traceparent),
      keys.map(({ sqlstate }) => sqlstate),
    ],
  )
}

/** Wakes the relay, once the open transaction commits, if it sleeps. Call after the inserts. */
export async function ring(client: pg.ClientBase): Promise<void> {
  await client.query(RING)
}
