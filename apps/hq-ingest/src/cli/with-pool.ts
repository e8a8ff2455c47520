import type pg from 'pg'
import { connectPlain, createPool } from '../db/connect.ts'
import { assertSeesAll } from '../db/hidden-tables.ts'
import { hqMigrations } from '../db/migrations.ts'
import { loadDatabaseUrl } from '../process/config.ts'
import type { IngestCommandLine } from './command-line.ts'

/**
 * Runs a command over one session of the writer.
 * @throws {MigrationStateError} where HQ has other migrations than this build; or the error of
 * connecting or of `work`.
 */
export async function withPool<T>(
  { env }: IngestCommandLine,
  work: (pool: pg.Pool) => Promise<T>,
): Promise<T> {
  const databaseUrl = loadDatabaseUrl(env)
  // Not as the writer, whom a database that is not migrated lacks.
  const client = await connectPlain(databaseUrl)
  try {
    await hqMigrations.assertApplied(client)
  } finally {
    await client.end()
  }
  const pool = createPool(databaseUrl, 1)
  // The query that a lost session breaks reports it.
  pool.on('error', () => {})
  try {
    await assertSeesAll(pool)
    return await work(pool)
  } finally {
    await pool.end()
  }
}
