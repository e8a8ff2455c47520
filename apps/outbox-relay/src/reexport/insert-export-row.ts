import type pg from 'pg'
import type { OutboxTable } from '../outbox/cut-page.ts'

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

const CURRENT = /* sql */ `select coalesce(pg_catalog.pg_sequence_last_value('hq_export.current_outbox'), 0)::int as current`

// Whoever read the number of a table that is not current any more inserts there all the same:
// readers look into all three, and our lock keeps the rotation from emptying it. xid, seq and
// captured_at are new, so the batch that carries the row is too.
const INSERT = (table: OutboxTable) => /* sql */ `
insert into hq_export.outbox_${table} (dataset, version, deleted, key, traceparent, body)
values ($1, $2, $3, $4, $5, $6)`

// After the insert, as capture triggers do: a relay that arms the doorbell sees our lock or we see
// it armed.
const RING = /* sql */ `select hq_export.ring()`

/** Number of the table that writers fill now. */
export async function currentOutbox(client: pg.ClientBase): Promise<OutboxTable> {
  const { rows } = await client.query<{ current: OutboxTable }>(CURRENT)
  const [found] = rows
  if (found === undefined) throw new Error('the outbox has a current table')
  return found.current
}

/**
 * Puts a row into the outbox, in the open transaction. The relay delivers it when that has
 * committed.
 */
export async function insertExportRow(client: pg.ClientBase, row: ExportRow): Promise<void> {
  const { dataset, version, deleted, key, traceparent, body } = row
  const table = await currentOutbox(client)
  await client.query(INSERT(table), [dataset, version, deleted, key, traceparent, body])
}

/** Wakes the relay, once the open transaction commits, if it sleeps. Call after the inserts. */
export async function ring(client: pg.ClientBase): Promise<void> {
  await client.query(RING)
}
