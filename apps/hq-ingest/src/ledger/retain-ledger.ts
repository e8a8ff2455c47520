import type pg from 'pg'
import { createPartition } from './create-partition.ts'
import { dropPartitions } from './drop-partitions.ts'
import { partitionAt } from './partition.ts'

/** What one pass did. */
export interface Retained {
  readonly created: readonly string[]
  readonly dropped: readonly string[]
}

/** Months that exist ahead of the running one, so that no batch ever meets a month without a partition. */
const MONTHS_AHEAD = 2
/** One pass ends after this many, however long the gateway was away. */
const MAX_DROPS = 24
/** Waiting for longer would hold others back behind us; the next pass tries again. */
const LOCK_TIMEOUT = '2s'

const LOCK = `select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('ingest.batch retention', 0)) as held`
const UNLOCK = `select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('ingest.batch retention', 0))`

/**
 * One pass of the ledger's keeper: creates the months ahead, drops the months that have expired.
 * @param now milliseconds since the epoch, by the clock that dates the batches.
 * @param ownNow the same by the gateway's machine: a month is dropped only where both clocks say so, for either may have been set ahead, and
 * what is dropped does not come back.
 * @returns undefined where another gateway is at it.
 */
export async function retainLedger(
  client: pg.ClientBase,
  now: number,
  keepDays: number,
  ownNow = Date.now(),
): Promise<Retained | undefined> {
  const { rows } = await client.query<{ held: boolean }>(LOCK)
  if (rows[0]?.held !== true) return undefined
  try {
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`)
    const created: string[] = []
    for (let offset = 0; offset <= MONTHS_AHEAD; offset++) {
      const partition = partitionAt(now, offset)
      if (await createPartition(client, partition)) created.push(partition.name)
    }
    return {
      created,
      dropped: await dropPartitions(client, Math.min(now, ownNow), keepDays, MAX_DROPS),
    }
  } finally {
    await client.query(UNLOCK)
  }
}
