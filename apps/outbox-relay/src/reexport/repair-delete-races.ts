import { datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import type { DeleteRace } from '../outbox/delete-race.ts'
import { ring } from './insert-export-row.ts'
import { whyNot } from './not-replayable-error.ts'
import { readSourceRow } from './read-source-row.ts'
import { sendRow } from './send-again.ts'

// Whoever holds the key is deleting or changing it now, notes it himself, and exports above what we
// send.
const REVIVE = /* sql */ `
update hq_export.version_base b set deleted_at = null
from (
  select l.dataset, l.key from hq_export.version_base l
  where l.dataset = $1 and l.key = $2
  for update skip locked
) l
where b.dataset = l.dataset and b.key = l.key`

async function sendOne(
  client: pg.ClientBase,
  { dataset: number, key, version }: DeleteRace,
  binding: Binding | undefined,
): Promise<boolean> {
  const dataset = datasetByNumber(number)
  await client.query(REVIVE, [number, key])
  // After the lock: who deletes the key from here on waits for us and exports above.
  const row = await readSourceRow(client, dataset, key)
  const isAbove = row?.version != null && BigInt(row.version) > BigInt(version)
  if (row === undefined || !isAbove) return false
  await sendRow(client, dataset, row, null, binding)
  await ring(client)
  return true
}

/** What {@link repairDeleteRaces} did; keys that are neither are gone, or were never below. */
export interface RepairedRaces {
  readonly sent: number
  /** Why PostgreSQL could not project a row, without a value of it. */
  readonly failures: readonly string[]
}

/**
 * Sends entities again as they are, whose insert raced with the delete of their key and was
 * captured below it: the view shows them above the base that the delete left, which is where HQ
 * takes them. One transaction per key; safe to repeat, HQ finds duplicates.
 */
export async function repairDeleteRaces(
  client: pg.ClientBase,
  deleteRaces: readonly DeleteRace[],
): Promise<RepairedRaces> {
  const binding = await readBinding(client)
  let sent = 0
  const failures: string[] = []
  for (const row of deleteRaces) {
    await client.query('begin')
    try {
      const isSent = await sendOne(client, row, binding)
      // Nothing to send: the key is deleted still, and stays noted as such.
      await client.query(isSent ? 'commit' : 'rollback')
      if (isSent) sent++
    } catch (error) {
      await client.query('rollback')
      const why = whyNot(error)
      if (why === undefined) throw error
      failures.push(why)
    }
  }
  return { sent, failures }
}
