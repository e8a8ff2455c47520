import type pg from 'pg'
import type { Snapshot } from '../../outbox/tick.ts'
import { hasSqlstate, QUERY_CANCELED } from '../../session/sqlstate.ts'
import { transact } from '../../session/transact.ts'
import { TooLongError } from '../compare/undecided-error.ts'

const CURRENT = /* sql */ `select pg_catalog.pg_current_snapshot()::text as snapshot`

/**
 * Runs `work` under one snapshot of the source, which stays open until it ends.
 * @throws {TooLongError} where a statement took too long.
 */
export async function underSnapshot<T>(
  client: pg.ClientBase,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  try {
    return await transact(
      client,
      async () => {
        const { rows } = await client.query<{ snapshot: string }>(CURRENT)
        if (rows[0] === undefined) throw new Error('no snapshot')
        return work(rows[0].snapshot)
      },
      { mode: 'isolation level repeatable read read only' },
    )
  } catch (error) {
    if (!hasSqlstate(error, QUERY_CANCELED)) throw error
    throw new TooLongError('the source cannot be read in time', { cause: error })
  }
}
