import type pg from 'pg'
import { DatabaseUnavailableError } from '../db/database-failure.ts'
import { transact } from '../db/transact.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Statement } from './digest-statement.ts'

/** Ended by statement_timeout or lock_timeout. */
const NOT_IN_TIME: readonly unknown[] = ['57014', '55P03']

/**
 * Runs `work` under one snapshot of HQ, in a transaction that cannot write.
 * @throws {Refusal} `not_read_in_time` (503) where a statement takes too long, `at_capacity` (503)
 * where no session becomes free.
 * @throws {DatabaseUnavailableError}
 */
export async function readOnly<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  try {
    return await transact(pool, work, 'begin isolation level repeatable read read only')
  } catch (error) {
    if (!(error instanceof DatabaseUnavailableError)) throw error
    if (!NOT_IN_TIME.includes(error.sqlstate)) throw error
    throw new Refusal('not_read_in_time', undefined, { cause: error })
  }
}

/** Runs a statement. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  { text, values }: Statement,
): Promise<Row[]> {
  return (await client.query<Row>(text, [...values])).rows
}
