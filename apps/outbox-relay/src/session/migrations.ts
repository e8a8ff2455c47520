import { join } from 'node:path'
import { Migrations } from '@hq-export/runtime/postgres/migrations.ts'

/** This build's migrations of data-engine-x. */
export const dxMigrations = new Migrations({
  name: 'data-engine-x',
  folder: join(import.meta.dirname, '../../../../migrations/data-engine-x'),
  schemas: [{ name: 'hq_export' }],
  roles: [
    {
      name: 'hq_export_relay',
      isActedAs: true,
      grantedBy: 'grant hq_export_relay to current_user;',
    },
  ],
  command: 'npm run relay -- migrate',
})
