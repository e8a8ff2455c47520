import type { ProblemCode } from '@hq-export/contract'
import type pg from 'pg'
import { DatabaseUnavailableError } from '../db/database-failure.ts'
import { transact } from '../db/transact.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Statement } from './digest-statement.ts'

/** What a session's time-outs end a statement with. */
const REFUSALS: Readonly<Record<string, ProblemCode>> = {
  '57014': 'not_read_in_time',
  '55P03': 'table_locked',
}

/**
 * Runs `work` under one snapshot of HQ, in a transaction that cannot write.
 * @throws {Refusal} `not_read_in_time` (503) where a statement takes too long, `table_locked` (503)
 * where it waits for a lock, `at_capacity` (503) where no session becomes free.
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
    const code = REFUSALS[error.sqlstate ?? '']
    throw code === undefined ? error : new Refusal(code, undefined, { cause: error })
  }
}

/** Runs a statement. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  { text, values }: Statement,
): Promise<Row[]> {
  return (await client.query<Row>(text, [...values])).rows
}
