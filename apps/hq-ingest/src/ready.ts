import type pg from 'pg'
import { type Admission, admit } from './batch/admit.ts'
import { DatabaseUnavailableError } from './db/database-failure.ts'

/**
 * Can the gateway do its work now: not draining, HQ migrated and reachable as the writer.
 * @throws {Refusal} or {@link DatabaseUnavailableError}.
 */
export async function checkReady(pool: pg.Pool, admission: Readonly<Admission>): Promise<void> {
  admit(admission)
  try {
    await pool.query('select')
  } catch (error) {
    throw new DatabaseUnavailableError(error)
  }
}
