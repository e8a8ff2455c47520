import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import { ring } from './insert-export-row.ts'
import type { SentKey } from './insert-keys.ts'

/** A key whose entity is to be sent once more. */
export interface NotedKey extends SentKey {
  readonly reason: 'replay' | 'version_conflict' | 'delete_race' | 'reconciliation'
  /** Id of the dead letter that this is a replay of. */
  readonly letter: string | null
}

// Noted twice it goes once. An entry that the loop is working on is waited for: it may have read
// the row already, and ours is then another entry.
const NOTE = /* sql */ `
insert into hq_export.reexport as r (dataset, key, reason, traceparent, letter)
values ($1, $2, $3, $4, $5)
on conflict (dataset, key) do update
set reason = excluded.reason, traceparent = coalesce(excluded.traceparent, r.traceparent),
    letter = coalesce(excluded.letter, r.letter)`

/**
 * Has the relay's loop send an entity as its view has it then, in the open transaction: with what
 * made it necessary, or not at all. Of an entity that is gone by then, the delete is a row of its
 * own.
 */
export async function noteKey(
  client: pg.ClientBase,
  dataset: Dataset,
  { key, reason, traceparent, letter }: NotedKey,
): Promise<void> {
  await client.query(NOTE, [dataset.number, key, reason, traceparent, letter])
  await ring(client)
}
