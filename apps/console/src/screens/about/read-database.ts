import type pg from 'pg'

/** What a database says of itself. */
export interface DatabaseFacts {
  readonly version: string
  /** Those that are applied, in order. */
  readonly migrations: readonly string[]
  readonly login: string
  readonly role: string
}

const FACTS = `
select pg_catalog.current_setting('server_version') as version, session_user as login,
  current_user as role`

/** @param table with the migrations of the schema that is ours. */
export async function readDatabase(
  client: pg.ClientBase,
  table: 'ingest.migration' | 'hq_export.migration',
): Promise<DatabaseFacts> {
  const { rows } = await client.query<Omit<DatabaseFacts, 'migrations'>>(FACTS)
  const applied = await client.query<{ name: string }>(`select name from ${table} order by id`)
  const [facts] = rows
  if (facts === undefined) throw new Error('a server has a version')
  return { ...facts, migrations: applied.rows.map(({ name }) => name) }
}
