import type pg from 'pg'

/**
 * Runs `work` in a transaction of a session that nobody else uses.
 * @param begin begins the transaction; READ COMMITTED without.
 */
export async function inTransaction<T>(
  client: pg.ClientBase,
  work: () => Promise<T>,
  begin = 'begin',
): Promise<T> {
  await client.query(begin)
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    // A session that cannot roll back is lost, and its owner finds out; the first error is the one
    // to report.
    await client.query('rollback').catch(() => {})
    throw error
  }
}
