import type pg from 'pg'
import type { MigratedDatabase } from './migrations.ts'

const HIDDEN = /* sql */ `
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, n.nspname as schema
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = any ($1::text[])
  and (c.relforcerowsecurity or c.relrowsecurity and n.nspname <> all ($2::text[]))
order by 1`

/**
 * Turns row level security off on tables of ours that somebody, or an event trigger that does it to
 * every new table, has turned it on for: it hides rows without an error, and a capture's insert
 * fails. Tables with policies of ours keep it; that their owner is no exception is undone.
 *
 * Locks: none where all is well; ACCESS EXCLUSIVE on such a table for the moment of a catalog
 * change, waited for 2 s at most.
 */
export async function unhideTables(
  client: pg.ClientBase,
  { schemas }: Pick<MigratedDatabase, 'schemas'>,
): Promise<void> {
  const names = schemas.map(({ name }) => name)
  const policed = schemas.filter(({ isPoliced }) => isPoliced).map(({ name }) => name)
  const { rows } = await client.query<{ name: string; schema: string }>(HIDDEN, [names, policed])
  if (rows.length === 0) return
  await client.query(`set lock_timeout = '2s'`)
  for (const { name, schema } of rows) {
    const disable = policed.includes(schema) ? '' : ', disable row level security'
    await client.query(`alter table ${name} no force row level security${disable}`)
  }
  await client.query('reset lock_timeout')
}
