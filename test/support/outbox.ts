import type { EnvelopeRow } from '@hq-export/contract'
import { readWindow, type Window } from '@hq-export/outbox-relay/outbox/read-window.ts'
import type pg from 'pg'

const EVENTS = 2

/**
 * Writes bare rows into one outbox table, as a capture trigger would, in the client's transaction.
 */
export async function insertOutboxRows(
  client: pg.Client,
  keys: readonly string[],
  table: 0 | 1 | 2 = 0,
): Promise<void> {
  await client.query(
    `insert into hq_export.outbox_${table} (dataset, key, body)
     select $1, k, pg_catalog.json_build_object('event_id', k)::text from unnest($2::text[]) k`,
    [EVENTS, keys],
  )
}

/** One row of a window as it goes on the wire, with the number of its dataset. */
export interface ReadRow extends EnvelopeRow {
  readonly dataset: number
}

/** Reads a whole window. */
export async function readRows(
  client: pg.Client,
  window: Window,
  limits = { maxRows: 1000, maxBytes: 1_000_000 },
): Promise<ReadRow[]> {
  const rows: ReadRow[] = []
  for await (const page of readWindow(client, window, limits)) {
    for (const { dataset, text } of page.wireRows) {
      const parsed: EnvelopeRow[] = JSON.parse(`[${text}]`)
      rows.push(...parsed.map((row) => ({ ...row, dataset })))
    }
  }
  return rows
}

/** Keys of a window's rows, sorted: the order within a window promises nothing. */
export async function readKeys(
  client: pg.Client,
  window: Window,
  limits?: { maxRows: number; maxBytes: number },
): Promise<unknown[]> {
  return (await readRows(client, window, limits)).map(({ row }) => row.event_id).sort()
}
