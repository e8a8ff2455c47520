import type { NamedDatabase } from '@hq-export/program/explain-connect-error.ts'
import pg from 'pg'

/** HQ as the operator knows it. */
export const HQ: NamedDatabase = {
  name: 'HQ',
  variable: 'HQ_DATABASE_URL',
  role: 'hq_ingest_writer',
}

/** Runs of every session of the gateway; what a database or role sets by default must not change them. */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  role: 'hq_ingest_writer',
  timezone: 'UTC',
  default_transaction_isolation: 'read committed',
  // An answer of 200 promises that the rows survive a crash.
  synchronous_commit: 'on',
  statement_timeout: '30s',
  // Whoever sent the batch cuts it until the locked row is alone, and sends that one later: others wait no longer than this.
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '30s',
  // Every statement reaches every table by its key, row by row.
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // Without statistics PostgreSQL takes an org for a few rows, and its index for as good as the key. Rows that are read and not wanted must
  // weigh; and a plan made while a table was empty must not outlive that moment. Otherwise one org alone costs its square.
  cpu_tuple_cost: '1',
  plan_cache_mode: 'force_custom_plan',
}

const CONNECT_TIMEOUT_MS = 5_000
const PROBE_TIMEOUT_MS = 2_000

function withSessionSettings(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  const settings = Object.entries(SESSION_SETTINGS).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`,
  )
  const given = url.searchParams.get('options')
  url.searchParams.set('options', [given, ...settings].filter(Boolean).join(' '))
  return url.href
}

/** A pool whose sessions run as the writer role. Connects on first use. `timeouts` are those of the client side. */
export function createPool(
  databaseUrl: string,
  maxConnections: number,
  timeouts: Pick<pg.PoolConfig, 'query_timeout' | 'connectionTimeoutMillis'> = {},
): pg.Pool {
  return new pg.Pool({
    connectionString: withSessionSettings(databaseUrl),
    application_name: 'hq-ingest',
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...timeouts,
  })
}

/**
 * The one session that proves that HQ can be written. The limit is the client's own: the server's would end a COMMIT that waits for a standby
 * as if it had been answered.
 */
export function createProbePool(databaseUrl: string): pg.Pool {
  return new pg.Pool({
    connectionString: withSessionSettings(databaseUrl),
    application_name: 'hq-ingest readiness',
    max: 1,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  })
}

/** One session as the writer role, for work beside the requests. */
export async function connectWriter(databaseUrl: string): Promise<pg.Client> {
  return connectPlain(withSessionSettings(databaseUrl))
}

/** Connects as the URL says, without the writer role, which a database that is not migrated lacks. */
export async function connectPlain(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'hq-ingest',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  // The awaited query reports a lost connection; without a listener it would also end the process.
  client.on('error', () => {})
  await client.connect()
  return client
}
