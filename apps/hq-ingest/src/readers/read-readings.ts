import type pg from 'pg'
import { noteReads } from './note-reads.ts'

/** What is known of HQ's readers of a dataset version; instants in ISO 8601, UTC. */
export interface Reading {
  readonly dataset: string
  /** Null where none was seen. */
  readonly readAt: string | null
  /** No read since then was missed. */
  readonly watchedSince: string
  readonly lookedAt: string
}

/** Who reads HQ. */
export interface Readings {
  readonly versions: readonly Reading[]
  /** Logins that are shown rows. */
  readonly readers: readonly string[]
  /** Logins that see every row, and whose reads nobody sees. */
  readonly unseen: readonly string[]
}

const instant = (column: string) =>
  `pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

const VERSIONS = /* sql */ `
select dataset, ${instant('read_at')} as "readAt", ${instant('watched_since')} as "watchedSince",
  ${instant('looked_at')} as "lookedAt"
from ingest.reading order by dataset`

// Who may become a reader counts as one. A superuser is a member of everything.
const LOGINS = /* sql */ `
select r.rolname as name, r.rolsuper or r.rolbypassrls as "isUnseen"
from pg_catalog.pg_roles r
where r.rolcanlogin and (r.rolsuper or r.rolbypassrls
  or pg_catalog.pg_has_role(r.oid, 'hq_reader', 'member')
  or pg_catalog.pg_has_role(r.oid, 'hq_org_reader', 'member'))
order by r.rolname`

/** Looks once more, and says who reads HQ, and when each dataset version was read last. */
export async function readReadings(client: pg.ClientBase | pg.Pool): Promise<Readings> {
  await noteReads(client)
  const { rows: versions } = await client.query<Reading>(VERSIONS)
  const { rows: logins } = await client.query<{ name: string; isUnseen: boolean }>(LOGINS)
  const names = (isUnseen: boolean) =>
    logins.filter((login) => login.isUnseen === isUnseen).map(({ name }) => name)
  return { versions, readers: names(false), unseen: names(true) }
}
