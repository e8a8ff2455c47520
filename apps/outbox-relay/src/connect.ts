import pg from 'pg'
import { VALUE_SETTINGS } from './binding/value-settings.ts'

/** Role of every session that delivers; it may read the outbox and write our bookkeeping, nothing else. */
const RELAY_ROLE = 'hq_export_relay'

/*
 * What the engine's statements rely on, whatever the database or the login role has as default.
 * READ COMMITTED: under REPEATABLE READ the rotation would prove emptiness in an old snapshot and truncate rows
 * that it cannot see. Index scans only: the outbox has no statistics, and sorting a window of millions to
 * read one page of it costs seconds. Time-outs: the leading session is idle by nature, and a page may take longer than what
 * is right for the application. Values as text: as captures write them. Keepalives: a relay whose machine vanished must not hold the lead for hours.
 */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  role: RELAY_ROLE,
  default_transaction_isolation: 'read\\ committed',
  default_transaction_read_only: 'off',
  timezone: 'UTC',
  ...VALUE_SETTINGS,
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  jit: 'off',
  idle_in_transaction_session_timeout: '60s',
  idle_session_timeout: '0',
  statement_timeout: '0',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
}

/** Connection settings of a relay session; `purpose` shows in `pg_stat_activity`, `settings` go before the common ones. */
export function sessionConfig(
  databaseUrl: string,
  purpose: string,
  settings: Readonly<Record<string, string>> = {},
): pg.ClientConfig {
  return {
    connectionString: databaseUrl,
    application_name: `outbox-relay ${purpose}`,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 10_000,
    options: Object.entries({ ...SESSION_SETTINGS, ...settings })
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  }
}

/**
 * Opens one relay session.
 * @param onLost called once if the server ends the session while nobody waits for a result.
 */
export async function connect(
  databaseUrl: string,
  purpose: string,
  onLost: (error: Error) => void,
  settings: Readonly<Record<string, string>> = {},
): Promise<pg.Client> {
  const client = new pg.Client(sessionConfig(databaseUrl, purpose, settings))
  client.on('error', onLost)
  await client.connect()
  return client
}
