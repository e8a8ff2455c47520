import { join } from 'node:path'
import { Migrations } from '@hq-export/program/migrations.ts'
import type pg from 'pg'

/** Where the SQL of data-engine-x stands, one numbered file per change. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, '../../../migrations/data-engine-x')

const MIGRATIONS = new Migrations({
  name: 'data-engine-x',
  folder: MIGRATIONS_FOLDER,
  schema: 'hq_export',
  command: 'npm run relay -- migrate',
})

/** Names of this build's migrations of data-engine-x, in order. */
export function listMigrations(): Promise<string[]> {
  return MIGRATIONS.list()
}

/** Brings data-engine-x to this build's migrations. @returns names of those that were applied now. */
export function migrate(databaseUrl: string): Promise<string[]> {
  return MIGRATIONS.apply(databaseUrl)
}

/** @throws {MigrationStateError} where data-engine-x has other migrations than this build. */
export function assertMigrated(client: pg.ClientBase | pg.Pool): Promise<void> {
  return MIGRATIONS.assertApplied(client)
}
