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
  // Costs that say so little would have statements of milliseconds compiled.
  jit: 'off',
}

/** Of the sessions that compare: they read much at a time, and give way to those that write. */
const COMPARER_SETTINGS: SessionSettings = {
  ...COMMON_SETTINGS,
  role: 'hq_ingest_writer',
  row_security: 'off',
  synchronous_commit: 'on',
  // Whoever asks cuts the range until it is read in time.
  statement_timeout: '1min',
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '30s',
  idle_session_timeout: '0',
  enable_seqscan: 'on',
  enable_indexscan: 'on',
  enable_hashagg: 'on',
  enable_hashjoin: 'on',
  // PostgreSQL does not know how few buckets there are, and would sort every row by its own; and a
  // range of keys is read by the index that has it in order.
  enable_sort: 'off',
  // A range of keys is not worth a scan of everything, as it would seem on disks that turn.
  random_page_cost: '1.1',
  // One core at most is taken from the batches.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  work_mem: '64MB',
  plan_cache_mode: 'force_custom_plan',
}

const APPLICATION_NAME = 'hq-ingest'
const CONNECT_TIMEOUT_MS = 5_000
const PROBE_TIMEOUT_MS = 2_000

/** A pool's sessions are read back once, when they are opened. */
function openPool(
  databaseUrl: string,
  applicationName: string,
  settings: SessionSettings,
  options: pg.PoolConfig,
): pg.Pool {
  const answerTimeoutMs = options.query_timeout ?? options.connectionTimeoutMillis
  return new pg.Pool({
    ...sessionConfig(databaseUrl, applicationName, settings),
    ...options,
    onConnect: (client) => confirmSettings(client, settings, answerTimeoutMs),
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
  return openPool(databaseUrl, APPLICATION_NAME, WRITER_SETTINGS, {
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...timeouts,
  })
}

/** The sessions of requests that compare, apart from those of batches. Connects on first use. */
export function createComparePool(
  databaseUrl: string,
  maxConnections: number,
  connectionTimeoutMillis: number = CONNECT_TIMEOUT_MS,
): pg.Pool {
  return openPool(databaseUrl, `${APPLICATION_NAME} compare`, COMPARER_SETTINGS, {
    max: maxConnections,
    connectionTimeoutMillis,
    keepAlive: true,
  })
}

/**
 * The one session that proves that HQ can be written. The limit is the client's own: the server's
 * would end a COMMIT that waits for a standby as if it had been answered.
 */
export function createProbePool(databaseUrl: string): pg.Pool {
  return openPool(databaseUrl, `${APPLICATION_NAME} readiness`, WRITER_SETTINGS, {
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
