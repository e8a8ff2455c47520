import type pg from 'pg'
import type { AcceptedRow } from '../batch/batch-row.ts'
import { refuse } from '../batch/batch-row.ts'
import { isRowFault } from '../db/database-failure.ts'
import { type Applied, addApplied, nothingApplied } from './applied.ts'

/** Runs `work` under a savepoint; an error undoes it and leaves the transaction usable. */
export async function underSavepoint<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('savepoint rows')
  try {
    const result = await work()
    await client.query('release savepoint rows')
    return result
  } catch (error) {
    await client.query('rollback to savepoint rows; release savepoint rows')
    throw error
  }
}

/**
 * Applies all rows, or, where PostgreSQL refuses a value that validation had passed, finds the culprit by halves and
 * refuses it alone (I4). Rows come in key order, and so do the halves: the lock order stays the same.
 */
export async function isolate(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
  work: (rows: readonly AcceptedRow[]) => Promise<Applied>,
): Promise<Applied> {
  const [first] = rows
  if (first === undefined) return nothingApplied()
  try {
    return await underSavepoint(client, () => work(rows))
  } catch (error) {
    if (!isRowFault(error)) throw error
    if (rows.length === 1) {
      const detail = `HQ refused the row with SQLSTATE ${error.code}`
      return { ...nothingApplied(), refused: [refuse(first, 'database_rejected', detail)] }
    }
  }
  const middle = rows.length >> 1
  const total = await isolate(client, rows.slice(0, middle), work)
  addApplied(total, await isolate(client, rows.slice(middle), work))
  return total
}
