import { type Dataset, datasetByNumber } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { readBinding } from '../binding/read-binding.ts'
import { reexportKeys } from './reexport-keys.ts'

// What another relay is at is its own.
const TAKE = /* sql */ `
with taken as materialized (
  select r.dataset, r.key from hq_export.reexport r limit $1 for update skip locked
)
delete from hq_export.reexport r using taken t
where r.dataset = t.dataset and r.key = t.key
returning r.dataset, r.key, r.traceparent, r.letter::text as letter`

// By this id the relay knows its own attempt when HQ refuses it. A letter that somebody holds is
// being settled: by a replay, which waits for us with another entry of the key, or for good. We
// hold entries, and wait for no letter.
const MARK = /* sql */ `
update hq_export.dead_letter d set resent_xid = pg_catalog.pg_current_xact_id()
from (
  select l.id from hq_export.dead_letter l where l.id = any ($1::bigint[]) for update skip locked
) l
where d.id = l.id`

interface TakenKey {
  readonly dataset: number
  readonly key: string
  readonly traceparent: string | null
  readonly letter: string | null
}

/**
 * Sends keys that were noted, at most `limit` of them, in one transaction: each entry is gone if
 * and only if its row is in the outbox, as the view had it after the entry was taken. One that
 * cannot be projected goes out as a failed capture. Two relays at once are harmless.
 * @returns how many entries are gone.
 */
export async function reexportNoted(client: pg.ClientBase, limit: number): Promise<number> {
  return transact(
    client,
    async () => {
      const { rows } = await client.query<TakenKey>(TAKE, [limit])
      const letters = rows.flatMap(({ letter }) => letter ?? [])
      if (letters.length > 0) await client.query(MARK, [letters])
      const binding = await readBinding(client)
      for (const [number, keys] of Map.groupBy(rows, ({ dataset }) => dataset)) {
        const dataset: Dataset = datasetByNumber(number)
        await reexportKeys(client, binding, dataset, keys)
      }
      return rows.length
    },
    { mode: 'isolation level read committed' },
  )
}
