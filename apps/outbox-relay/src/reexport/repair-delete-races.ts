import { datasetByNumber } from '@hq-export/contract'
import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import type { DeleteRace } from '../outbox/delete-race.ts'
import { whyNot } from './not-replayable-error.ts'
import { noteKey } from './note-key.ts'
import { readVersion } from './read-source-row.ts'
import { revive } from './revive.ts'

/** False where nothing is to be sent: the key is deleted still, or was never below. */
async function isBackAbove(
  client: pg.ClientBase,
  { dataset: number, key, version }: DeleteRace,
): Promise<boolean> {
  const dataset = datasetByNumber(number)
  await revive(client, dataset, key)
  // After the lock: who deletes the key from here on waits for us and exports above.
  const current = await readVersion(client, dataset, key)
  return current !== undefined && current > BigInt(version)
}

/** What {@link repairDeleteRaces} did; keys that are not sent are gone, or were never below. */
export interface RepairedRaces {
  /** Noted to be sent again. */
  readonly sent: number
  /** Why PostgreSQL could not project a row, without a value of it. */
  readonly failures: readonly string[]
}

/**
 * Has entities sent again as they are, whose insert raced with the delete of their key and was
 * captured below it: the view shows them above the base that the delete left, which is where HQ
 * takes them. One transaction per key; safe to repeat, HQ finds duplicates.
 */
export async function repairDeleteRaces(
  client: pg.ClientBase,
  deleteRaces: readonly DeleteRace[],
): Promise<RepairedRaces> {
  let sent = 0
  const failures: string[] = []
  for (const race of deleteRaces) {
    const { dataset, key } = race
    await transact(
      client,
      async () => {
        let isSent: boolean
        try {
          isSent = await underSavepoint(client, () => isBackAbove(client, race))
        } catch (error) {
          if (!isRowFault(error)) throw error
          failures.push(whyNot(error) ?? '')
          // What cannot be projected goes out as a failed capture, and is a dead letter then.
          isSent = true
        }
        if (isSent) {
          const noted = { key, reason: 'delete_race', traceparent: null, letter: null } as const
          await noteKey(client, datasetByNumber(dataset), noted)
          sent++
        }
        return isSent
      },
      // Nothing to send: the key stays noted as deleted.
      { isKept: (isSent) => isSent },
    )
  }
  return { sent, failures }
}
