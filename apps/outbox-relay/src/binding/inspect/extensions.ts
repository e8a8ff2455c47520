import pg from 'pg'
import type { Binding } from '../binding-schema.ts'

const UUID_OSSP = `
select n.nspname as schema
from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'uuid-ossp'`

const ICU = `
select exists (select from pg_catalog.pg_collation
  where collname = 'und-x-icu' and collnamespace = 'pg_catalog'::pg_catalog.regnamespace) as found`

async function uuidSchema(client: pg.ClientBase): Promise<string | undefined> {
  return (await client.query<{ schema: string }>(UUID_OSSP)).rows[0]?.schema
}

/** Finds what the extensions that a binding asks for lack. */
export async function inspectExtensions(
  client: pg.ClientBase,
  binding: Binding,
): Promise<string[]> {
  if (!binding.extensions.includes('uuid-ossp')) return []
  const problems: string[] = []
  if ((await uuidSchema(client)) === undefined)
    problems.push(
      'extension uuid-ossp, which derives entity ids, is not installed; ' +
        'run: create extension "uuid-ossp"',
    )
  if (!(await client.query<{ found: boolean }>(ICU)).rows[0]?.found)
    problems.push(
      'collation und-x-icu, which lowers names for entity ids, is missing: this PostgreSQL was ' +
        'built without ICU',
    )
  return problems
}

/**
 * Creates hq_export.uuid5(text) on the extension where it stands. Security definer, so that neither
 * the tables' owners nor the relay need a right on the extension's schema; null for null. Bound to
 * the extension's functions and not to their names, which anybody may take in `public` once the
 * extension has moved elsewhere.
 * @param owners roles that capture.
 */
export async function createExtensionFunctions(
  client: pg.ClientBase,
  binding: Binding,
  owners: readonly string[],
): Promise<void> {
  if (!binding.extensions.includes('uuid-ossp')) return
  const schema = await uuidSchema(client)
  if (schema === undefined) return
  const name = pg.escapeIdentifier(schema)
  await client.query(`create or replace function hq_export.uuid5(p_name text) returns uuid
  language sql immutable strict parallel safe security definer
  set search_path = pg_catalog, pg_temp
  return ${name}.uuid_generate_v5(${name}.uuid_ns_url(), p_name)`)
  await client.query('revoke all on function hq_export.uuid5(text) from public')
  const roles = ['hq_export_relay', ...owners].map(pg.escapeIdentifier)
  await client.query(`grant execute on function hq_export.uuid5(text) to ${roles.join(', ')}`)
  await client.query(
    `comment on function hq_export.uuid5(text)
      is 'uuid of RFC 9562, version 5, in its URL namespace'`,
  )
}
