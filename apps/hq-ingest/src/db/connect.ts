import type { NamedDatabase } from '@hq-export/runtime/postgres/explain-connect-error.ts'
import {
  COMMON_SETTINGS,
  confirmSettings,
  openSession,
  type SessionSettings,
  sessionConfig,
} from '@hq-export/runtime/postgres/session.ts'
import pg from 'pg'

/** HQ as the operator knows it. */
export const HQ: NamedDatabase = {
  name: 'HQ',
  variable: 'HQ_DATABASE_URL',
  role: 'hq_ingest_writer',
}

/** Of every session that writes, beside what every session of ours has. */
const WRITER_SETTINGS: SessionSettings = {
  ...COMMON_SETTINGS,
  role: 'hq_ingest_writer',
  // A table whose rows are hidden from us fails at once: between a look at its policies and the
  // statement they may change.
  row_security: 'off',
  // An answer of 200 promises that the rows survive a crash.
  synchronous_commit: 'on',
  statement_timeout: '30s',
  // Whoever sent the batch cuts it until the locked row is alone, and sends that one later: others
  // wait no longer than this.
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '30s',
  idle_session_timeout: '0',
  // Every statement reaches every table by its key, row by row.
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // Without statistics PostgreSQL takes an org for a few rows, and its index for as good as the
  // key. Rows that are read and not wanted must weigh; and a plan made while a table was empty must
  // not outlive that moment. Otherwise one org alone costs its square.
  cpu_tuple_cost: '1',
  plan_cache_mode: 'force_custom_plan',
}

const APPLICATION_NAME = 'hq-ingest'
const CONNECT_TIMEOUT_MS = 5_000
const PROBE_TIMEOUT_MS = 2_000

/** A pool's sessions are read back once, when they are opened. */
function writerPool(databaseUrl: string, applicationName: string, options: pg.PoolConfig): pg.Pool {
  const answerTimeoutMs = options.query_timeout ?? options.connectionTimeoutMillis
  return new pg.Pool({
    ...sessionConfig(databaseUrl, applicationName, WRITER_SETTINGS),
    ...options,
    onConnect: (client) => confirmSettings(client, WRITER_SETTINGS, answerTimeoutMs),
  })
}

/**
 * A pool whose sessions run as the writer role. Connects on first use. `timeouts` are those of the
 * client side.
 */
export function createPool(
  databaseUrl: string,
  maxConnections: number,
  timeouts: Pick<pg.PoolConfig, 'query_timeout' | 'connectionTimeoutMillis'> = {},
): pg.Pool {
  return writerPool(databaseUrl, APPLICATION_NAME, {
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...timeouts,
  })
}

/**
 * The one session that proves that HQ can be written. The limit is the client's own: the server's
 * would end a COMMIT that waits for a standby as if it had been answered.
 */
export function createProbePool(databaseUrl: string): pg.Pool {
  return writerPool(databaseUrl, `${APPLICATION_NAME} readiness`, {
    max: 1,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  })
}

// The awaited query reports a lost connection; without a listener it would also end the process.
function open(databaseUrl: string, settings: SessionSettings): Promise<pg.Client> {
  const config = sessionConfig(databaseUrl, APPLICATION_NAME, settings)
  return openSession({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS }, settings, () => {})
}

/**
 * One session as the writer role, for work beside the requests.
 * @throws {SessionSettingsError} when it lacks a setting that we rely on.
 */
export function connectWriter(databaseUrl: string): Promise<pg.Client> {
  return open(databaseUrl, WRITER_SETTINGS)
}

/**
 * Connects as who the URL says, without the writer role, which a database that is not migrated
 * lacks.
 * @throws {SessionSettingsError} when it lacks a setting that we rely on.
 */
export function connectPlain(databaseUrl: string): Promise<pg.Client> {
  return open(databaseUrl, COMMON_SETTINGS)
}
