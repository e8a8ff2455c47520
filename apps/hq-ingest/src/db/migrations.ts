import { join } from 'node:path'
import { Migrations } from '@hq-export/runtime/postgres/migrations.ts'

/** This build's migrations of HQ. */
export const hqMigrations = new Migrations({
  name: 'HQ',
  folder: join(import.meta.dirname, '../../../../migrations/hq'),
  schemas: [{ name: 'ingest' }, { name: 'hq', isPoliced: true, createdBy: 'create schema hq;' }],
  roles: [
    { name: 'hq_ingest_writer', isActedAs: true },
    { name: 'hq_reader', isActedAs: false },
    { name: 'hq_org_reader', isActedAs: false },
    { name: 'hq_console', isActedAs: false },
  ],
  command: 'npm run ingest -- migrate',
})
