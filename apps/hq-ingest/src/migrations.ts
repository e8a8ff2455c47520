import { join } from 'node:path'
import { Migrations } from '@hq-export/program/migrations.ts'

/** This build's migrations of HQ. */
export const hqMigrations = new Migrations({
  name: 'HQ',
  folder: join(import.meta.dirname, '../../../migrations/hq'),
  schema: 'ingest',
  command: 'npm run ingest -- migrate',
})
