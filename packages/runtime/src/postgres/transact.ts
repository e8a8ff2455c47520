import type pg from 'pg'

/** How a transaction begins and ends. */
export interface TransactionOptions<T> {
  /** What follows BEGIN; by default what the session has, READ COMMITTED for ours. */
  readonly mode?:
    | 'read only'
    | 'isolation level read committed'
    | 'isolation level repeatable read'
    | 'isolation level repeatable read read only'
  /** False for a result that is not to be kept: rolled back, and returned. */
  readonly isKept?: (result: T) => boolean
}

/**
 * Runs `work` in a transaction of the session, which has none open, and returns its result after
 * COMMIT.
 * @throws what `work` throws, after ROLLBACK; or where the commit did not commit.
 */
export async function transact<T>(
  client: pg.ClientBase,
  work: () => Promise<T>,
  { mode, isKept = () => true }: TransactionOptions<T> = {},
): Promise<T> {
  await client.query(mode === undefined ? 'begin' : `begin ${mode}`)
  try {
    const result = await work()
    const ending = isKept(result) ? 'commit' : 'rollback'
    const { command } = await client.query(ending)
    // COMMIT of a failed transaction is no error for PostgreSQL: it rolls back and says so.
    if (command !== ending.toUpperCase()) throw new Error(`${ending} answered ${command}`)
    return result
  } catch (error) {
    // A rollback that fails says that the session is lost; the first error is the one to report.
    await client.query('rollback').catch(() => {})
    throw error
  }
}
