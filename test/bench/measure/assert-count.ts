import type pg from 'pg'
import { WrongResultError } from '../scenario.ts'

/** @throws {WrongResultError} when the table has another number of rows. */
export async function assertCount(
  client: pg.ClientBase,
  table: string,
  expected: number,
): Promise<void> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from ${table}`,
  )
  const count = rows[0]?.count
  if (count !== expected) throw new WrongResultError(`${table} has ${count} of ${expected} rows`)
}
