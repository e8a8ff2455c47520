import type pg from 'pg'
import { DatabaseUnavailableError } from '../db/database-failure.ts'
import { createPartition } from './create-partition.ts'
import { partitionAt } from './partition.ts'

// Of HQ's clock, which is the one that the ledger's rows are received by.
const NOW = 'select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as now'

/**
 * Creates the month in which HQ is now, for a batch that found none: a gateway that was the only one and asleep, or a clock
 * that jumped.
 * @throws {DatabaseUnavailableError}
 */
export async function addMissingPartition(pool: pg.Pool): Promise<void> {
  try {
    const client = await pool.connect()
    try {
      const { rows } = await client.query<{ now: number }>(NOW)
      await createPartition(client, partitionAt(rows[0]?.now ?? Date.now()))
    } finally {
      client.release()
    }
  } catch (error) {
    throw new DatabaseUnavailableError(error)
  }
}
