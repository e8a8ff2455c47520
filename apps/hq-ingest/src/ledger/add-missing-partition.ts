import type pg from 'pg'
import { DatabaseUnavailableError } from '../db/database-failure.ts'
import { createPartition } from './create-partition.ts'
import { readHqClock } from './hq-clock.ts'
import { partitionAt } from './partition.ts'

/**
 * Creates the month in which HQ is now, for a batch that found none: a gateway that was the only
 * one and asleep, or a clock that jumped.
 * @throws {DatabaseUnavailableError}
 */
export async function addMissingPartition(pool: pg.Pool): Promise<void> {
  try {
    const client = await pool.connect()
    try {
      await createPartition(client, partitionAt(await readHqClock(client)))
    } finally {
      client.release()
    }
  } catch (error) {
    throw new DatabaseUnavailableError(error)
  }
}
