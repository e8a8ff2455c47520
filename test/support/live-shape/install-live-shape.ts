import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type pg from 'pg'

/**
 * Creates the tables of the live data-engine-x in an empty database; whoever `client` is owns them.
 */
export async function installLiveShape(client: pg.ClientBase): Promise<void> {
  const file = join(dxMigrations.folder, 'bindings', 'data-engine-x-schema.sql')
  await client.query(`begin; ${await readFile(file, 'utf8')}; commit`)
}
