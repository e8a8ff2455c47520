import { join } from 'node:path'
import { Migrations } from '@hq-export/program/migrations.ts'

/** This build's migrations of data-engine-x. */
export const dxMigrations = new Migrations({
  name: 'data-engine-x',
  folder: join(import.meta.dirname, '../../../migrations/data-engine-x'),
  schema: 'hq_export',
  command: 'npm run relay -- migrate',
})
