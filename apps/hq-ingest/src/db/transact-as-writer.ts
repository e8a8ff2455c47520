import type pg from 'pg'
import { connectPlain } from './connect.ts'
import { assertSeesAll } from './hidden-tables.ts'
import { hqMigrations } from './migrations.ts'

/**
 * Runs the one transaction of a command, as the writer role and over a connection of its own;
 * `session_user` stays who logged in.
 * @throws {MigrationStateError} where HQ has other migrations than this build; the error of
 * connecting or of `work`, and then nothing is written.
 */
export async function transactAsWriter<T>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectPlain(databaseUrl)
  try {
    await hqMigrations.assertApplied(client)
    await client.query('begin isolation level read committed')
    await client.query(`set local role hq_ingest_writer`)
    await client.query(`set local row_security = off`)
    await assertSeesAll(client)
    await client.query(`set local lock_timeout = '10s'`)
    await client.query(`set local synchronous_commit = on`)
    const result = await work(client)
    await client.query('commit')
    return result
  } finally {
    // Without COMMIT this rolls back.
    await client.end()
  }
}
