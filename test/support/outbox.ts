import type { OutboxRow } from '@hq-export/outbox-relay/outbox/outbox-row.ts'
import { readWindow, type Window } from '@hq-export/outbox-relay/outbox/read-window.ts'
import type pg from 'pg'

const EVENTS = 2

/** Writes bare rows into one outbox table, as a capture trigger would, in the client's transaction. */
export async function insertOutboxRows(
  client: pg.Client,
  keys: readonly string[],
  table: 0 | 1 | 2 = 0,
): Promise<void> {
  await client.query(
    `insert into hq_export.outbox_${table} (dataset, key, body) select $1, k, '{}' from unnest($2::text[]) k`,
    [EVENTS, keys],
  )
}

/** Reads a whole window. */
export async function readRows(
  client: pg.Client,
  window: Window,
  limits = { maxRows: 1000, maxBytes: 1_000_000 },
): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = []
  for await (const page of readWindow(client, window, limits)) rows.push(...page)
  return rows
}

/** Keys of a window's rows, sorted: the order within a window promises nothing. */
export async function readKeys(
  client: pg.Client,
  window: Window,
  limits?: { maxRows: number; maxBytes: number },
): Promise<(string | null)[]> {
  return (await readRows(client, window, limits)).map(({ key }) => key).sort()
}
