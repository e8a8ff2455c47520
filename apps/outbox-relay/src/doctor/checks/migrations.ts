import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { dxMigrations } from '../../session/migrations.ts'
import { type Check, fail, ok } from './finding.ts'

/** The schema is the one that this build was written for. */
export const migrations: Check = {
  name: 'migrations',
  isDecisive: true,
  async examine({ login }) {
    try {
      await dxMigrations.assertApplied(login)
    } catch (error) {
      if (!(error instanceof MigrationStateError)) throw error
      const [found = '', todo = ''] = error.message.split('; ')
      return fail(found, todo)
    }
    return ok(`all ${(await dxMigrations.list()).length} applied`)
  },
}
