import { join } from 'node:path'
import { Migrations } from '@hq-export/program/migrations.ts'
import type pg from 'pg'

/** Where the SQL of HQ stands, one numbered file per change. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, '../../../migrations/hq')

const MIGRATIONS = new Migrations({
  name: 'HQ',
  folder: MIGRATIONS_FOLDER,
  schema: 'ingest',
  command: 'npm run ingest -- migrate',
})

/** Names of this build's migrations of HQ, in order. */
export function listMigrations(): Promise<string[]> {
  return MIGRATIONS.list()
}

/** Brings HQ to this build's migrations. @returns names of those that were applied now. */
export function migrate(databaseUrl: string): Promise<string[]> {
  return MIGRATIONS.apply(databaseUrl)
}

/** @throws {MigrationStateError} where HQ has other migrations than this build. */
export function assertMigrated(client: pg.ClientBase | pg.Pool): Promise<void> {
  return MIGRATIONS.assertApplied(client)
}
