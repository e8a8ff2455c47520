import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import type { Snapshot } from '../../outbox/tick.ts'
import { sourceError } from './source-error.ts'

const CURRENT = /* sql */ `select pg_catalog.pg_current_snapshot()::text as snapshot`

/**
 * Runs `work` under one snapshot of the source, which stays open until it ends.
 * @throws {TooLongError} where a statement took too long.
 * @throws {UndecidedError} where a table is locked.
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
    throw sourceError(error)
  }
}
