import type pg from 'pg'
import { gatewayLocks } from '../db/own-locks.ts'
import { expireMinutes, rollUp } from '../profile/roll-up.ts'
import { createPartition } from './create-partition.ts'
import { dropPartitions } from './drop-partitions.ts'
import { expireReconciliations } from './expire-reconciliations.ts'
import { partitionAt } from './partition.ts'

/** What one pass did. */
export interface Retained {
  readonly created: readonly string[]
  readonly dropped: readonly string[]
}

/**
 * Months that exist ahead of the running one, so that no batch ever meets a month without a
 * partition.
 */
const MONTHS_AHEAD = 2
/** One pass ends after this many, however long the gateway was away. */
const MAX_DROPS = 24
/** Waiting for longer would hold others back behind us; the next pass tries again. */
const LOCK_TIMEOUT = '2s'

/** A session's, because DETACH CONCURRENTLY runs in no transaction. */
const LOCK = 'retention'

/**
 * One pass of the ledger's keeper: creates the months ahead, drops the months that have expired,
 * and reconciliations and minutes that are as old as they get.
 * @param now milliseconds since the epoch, by the clock that dates the batches.
 * @param ownNow the same by the gateway's machine: a month is dropped only where both clocks say
 * so, for either may have been set ahead, and what is dropped does not come back.
 * @returns undefined where another gateway is at it.
 */
export async function expireLedger(
  client: pg.ClientBase,
  now: number,
  keepDays: number,
  ownNow = Date.now(),
): Promise<Retained | undefined> {
  const { key } = await gatewayLocks.take(client, LOCK)
  if (key === undefined) return undefined
  try {
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`)
    const created: string[] = []
    for (let offset = 0; offset <= MONTHS_AHEAD; offset++) {
      const partition = partitionAt(now, offset)
      if (await createPartition(client, partition)) created.push(partition.name)
    }
    const agreed = Math.min(now, ownNow)
    await expireReconciliations(client, agreed)
    await expireMinutes(client, agreed)
    // What is dropped must be in its minutes; whoever is at it now has it there in a moment.
    await rollUp(client)
    return { created, dropped: await dropPartitions(client, agreed, keepDays, MAX_DROPS) }
  } finally {
    await gatewayLocks.release(client, key)
  }
}
