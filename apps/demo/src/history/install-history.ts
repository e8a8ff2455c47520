import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'

const HISTORY_FILE = join(import.meta.dirname, 'entity-history.sql')

// EXISTS and not a count: the tables may be large.
const FOREIGN_ENTITIES = /* sql */ `
select pg_catalog.to_regclass('demo.entity_history') is null
   and (exists (select from entities.company_entities)
     or exists (select from entities.person_entities)) as found`

/** The database holds entities whose versions nobody recorded. */
export class ForeignDataError extends Error {
  override readonly name = 'ForeignDataError'
}

/**
 * Installs the demo's record of entity versions (`entity-history.sql`); changes nothing where it is
 * installed.
 * @throws {ForeignDataError} where entities exist from before: their versions could not be
 * compared, and a workload has no business among data that is not its own.
 */
export async function installHistory(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(FOREIGN_ENTITIES)
  if (rows[0]?.found) {
    throw new ForeignDataError(
      'the database behind DX_DATABASE_URL holds entities that no demo has written. ' +
        'The workload changes and deletes entities: give the demo an empty database of its own.',
    )
  }
  await client.query(`begin; ${await readFile(HISTORY_FILE, 'utf8')}; commit`)
}
