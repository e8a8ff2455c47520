import type pg from 'pg'

/**
 * Runs a part of the open transaction under a savepoint.
 * @throws what `work` throws, after what it did is undone: the transaction can go on.
 */
export async function underSavepoint<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
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
