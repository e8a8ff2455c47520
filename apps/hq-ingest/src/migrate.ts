import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

/** Where the SQL of this database stands, one numbered file per change. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, '../../../migrations/hq')
const SCHEMA = 'ingest'
const MIGRATIONS_TABLE = 'migration'
const MIGRATION_FILE_PATTERN = /^\d{4}_[a-z0-9_]+\.sql$/

/** The database does not have exactly the migrations that this build was written for. */
export class MigrationStateError extends Error {
  override readonly name = 'MigrationStateError'
}

/** Names of this build's migrations, in order. */
export async function listMigrations(): Promise<string[]> {
  const files = await readdir(MIGRATIONS_FOLDER)
  return files
    .filter((file) => MIGRATION_FILE_PATTERN.test(file))
    .map((file) => file.replace(/\.sql$/, ''))
    .sort()
}

/**
 * Brings HQ to this build's migrations, in one transaction under the library's lock.
 * @returns names of the migrations that were applied now; empty when there was nothing to do.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  // The gateway only looks which migrations HQ has; it does without the library and its memory.
  const { runner } = await import('node-pg-migrate')
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'hq-ingest migrate',
  })
  await client.connect()
  try {
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS_FOLDER,
      ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
      direction: 'up',
      schema: 'public',
      migrationsSchema: SCHEMA,
      createMigrationsSchema: true,
      migrationsTable: MIGRATIONS_TABLE,
      advisoryLockMode: 'wait',
      log: () => {},
    })
    return applied.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

async function listApplied(client: pg.ClientBase | pg.Pool): Promise<string[]> {
  const exists = await client.query<{ found: string | null }>(
    'select pg_catalog.to_regclass($1) as found',
    [`${SCHEMA}.${MIGRATIONS_TABLE}`],
  )
  if (exists.rows[0]?.found == null) return []
  const applied = await client.query<{ name: string }>(
    `select name from ${SCHEMA}.${MIGRATIONS_TABLE} order by run_on, id`,
  )
  return applied.rows.map(({ name }) => name)
}

/**
 * Refuses to go on with a database that lacks migrations or has ones that this build does not know.
 * @throws {MigrationStateError} naming the migrations and the command that helps.
 */
export async function assertMigrated(client: pg.ClientBase | pg.Pool): Promise<void> {
  const known = await listMigrations()
  const applied = await listApplied(client)
  const missing = known.filter((name) => !applied.includes(name))
  const unknown = applied.filter((name) => !known.includes(name))
  if (missing.length > 0) {
    throw new MigrationStateError(`HQ lacks ${missing.join(', ')}; run: npm run ingest -- migrate`)
  }
  if (unknown.length > 0) {
    throw new MigrationStateError(
      `HQ has ${unknown.join(', ')}, which this build does not know; run the newer build`,
    )
  }
}
